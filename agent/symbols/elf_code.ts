// SPDX-License-Identifier: Apache-2.0
/**
 * Names code of ELF files: by their symbol tables, and later by their debug information.
 *
 * A file is read when an address in it is first asked for; what that may take of one window is bounded, and
 * what comes beyond is named `module+0xoffset` for now and looked up in the next window.
 *
 * @module
 */

import { type Frame, RANK } from "../../profile/model.ts";
import type { CodeFile } from "../elf/code_file.ts";
import type { CodeFiles } from "../elf/code_files.ts";
import type { DebugClientOptions, DebugStats } from "./debug/dwarf/client.ts";
import { DebugInfoLocator, type Downloads } from "./debug/debug_info_locator.ts";
import { Inlining } from "./debug/inlining.ts";
import { type FrameCache, offsetName } from "./frame_cache.ts";
import { FunctionStarts } from "./function_starts.ts";
import { GoSymbols } from "./go_symbols.ts";
import type { Libdw } from "../../symbols/libdw/libdw.ts";
import type { Demangler } from "../../symbols/names/demangle.ts";
import type { SymbolTable } from "../../symbols/symbol_table.ts";
import { ReadingTime } from "./reading_time.ts";
import type { SymbolFiles } from "./symbol_files.ts";
import { SymbolTables, type SymbolTablesStats } from "./symbol_tables.ts";

/** Files whose debug information is remembered; some hundred bytes each. */
const MAX_LOCATED = 16_384;

export interface ElfCodeOptions {
  readonly libdw: Libdw;
  readonly files: CodeFiles;
  /** The cache of the frames that are named. */
  readonly frames: FrameCache;
  readonly demangler: Demangler;
  /** The symbol tables that are kept in memory may take so much. */
  readonly tableBytes: number;
  /** Says how debug information is read. */
  readonly debug: DebugClientOptions;
  readonly downloads?: Downloads | undefined;
  /** Keeps symbol tables in files. @default they are in memory */
  readonly symbolFiles?: SymbolFiles | undefined;
  /** Files may be read for so long in one window, in ms; the file that passes it is read to its end. */
  readonly coldMs: number;
  /** Returns the time in ms. */
  readonly clock: () => number;
}

/** Is counted since the start, but for `symbolTables` and `debug`, which tell what they hold now as well. */
export interface ElfCodeStats {
  readonly hits: number;
  readonly misses: number;
  /** Addresses without a name in the file, or in one that could not be read. */
  readonly unnamed: number;
  /** Addresses that went unnamed for now as reading files took too long in their window. */
  readonly postponed: number;
  /** Places that stay without a name as the run is over. */
  readonly unread: number;
  readonly symbolTables: SymbolTablesStats;
  readonly debug: DebugStats;
}

/** Is what an address stands for, `final` unless a later window may know better. */
interface Looked {
  readonly frame: Frame;
  readonly final: boolean;
}

/** Finds the frames of addresses in files. */
export class ElfCode implements AsyncDisposable {
  readonly #files: CodeFiles;
  readonly #frames: FrameCache;
  readonly #demangler: Demangler;
  readonly #tables: SymbolTables;
  readonly #inlining: Inlining;
  readonly #go = new GoSymbols();
  readonly #starts: FunctionStarts;
  readonly #reading: ReadingTime;
  /** Bounds the reading of Go's tables, one for each address: it is not to take the time that is left for all others. */
  readonly #goReading: ReadingTime;
  #hits = 0;
  #misses = 0;
  #unnamed = 0;
  #postponed = 0;
  /** Places that the end of the run left no time for. */
  readonly #unread = new Set<string>();

  constructor(options: ElfCodeOptions) {
    const { libdw, files, frames, demangler, tableBytes, debug, downloads, coldMs, clock } = options;
    const { symbolFiles: cache } = options;
    this.#files = files;
    this.#frames = frames;
    this.#demangler = demangler;
    this.#reading = new ReadingTime(coldMs, clock);
    this.#goReading = new ReadingTime(coldMs, clock);
    const locator = new DebugInfoLocator({ downloads, max: MAX_LOCATED });
    this.#tables = new SymbolTables({ libdw, tableBytes, locator, downloads, cache });
    this.#starts = new FunctionStarts(Math.ceil(tableBytes / 8));
    this.#inlining = new Inlining({ locator, frames, demangler, debug });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tables[Symbol.dispose]();
    this.#starts[Symbol.dispose]();
    await this.#inlining[Symbol.asyncDispose]();
  }

  /** Returns the process that reads debug information, while there is one. */
  get readerPid(): number | undefined {
    return this.#inlining.readerPid;
  }

  /** Tells whether `pid` is a process of the agent's own that reads debug information. */
  isReader(pid: number): boolean {
    return this.#inlining.isReader(pid);
  }

  /** Gives up what can be read again. */
  shed(what: "debug_info" | "symbol_tables"): void {
    if (what === "debug_info") return this.#inlining.shed();
    this.#starts.clear();
    this.#tables.clear();
  }

  get stats(): ElfCodeStats {
    const tables = this.#tables.stats;
    return {
      hits: this.#hits,
      misses: this.#misses,
      unnamed: this.#unnamed,
      postponed: this.#postponed,
      unread: this.#unread.size,
      symbolTables: { ...tables, unreadable: tables.unreadable + this.#files.stats.unreadable },
      debug: this.#inlining.stats,
    };
  }

  /** Takes in the functions of a file while there is a process that has it. */
  observe(file: CodeFile): void {
    if (!this.#reading.isOver && !this.#tables.has(file)) this.#readSymbols(file);
  }

  /** Returns the frames of an address in `file`, which counts as the file's program headers do. */
  frames(file: CodeFile, address: number): readonly Frame[] {
    if (this.#tables.hasBetterCopy(file) && !this.#reading.isOver) this.#readSymbols(file);
    const known = this.#frames.get(file.serial, address);
    if (known) {
      this.#hits++;
      return known;
    }
    this.#misses++;
    const isGo = this.#go.reads(file, address);
    if (isGo && this.#goReading.isOver) return [this.#postpone(file, address).frame];
    const go = isGo ? this.#goReading.spend(() => this.#go.frames(file, address)) : [];
    if (go.length > 0) {
      const base = { module: file.path, buildId: file.elf.buildId, address };
      const frames = go.map((frame, i) => ({ ...base, ...frame, inlined: i < go.length - 1 }));
      this.#frames.set(file.serial, address, frames);
      return frames;
    }
    const { frame, final } = this.#look(file, address);
    const frames = [frame];
    if (final) {
      this.#frames.set(file.serial, address, frames);
      this.#inlining.want(file, address);
    }
    return frames;
  }

  /** Asks for inlined functions and lines, see {@linkcode Inlining.settle}. */
  settle(ms: number): Promise<boolean> {
    return this.#inlining.settle(this.#reading.within(ms));
  }

  /** Reads nothing more in `ms` from now on. */
  endReadingIn(ms: number): void {
    this.#reading.endIn(ms);
    this.#goReading.endIn(ms);
  }

  /** Call after the samples of a window. */
  endWindow(): void {
    this.#tables.endWindow(this.#files.values());
    this.#inlining.endWindow();
    this.#starts.endWindow();
    this.#frames.forget(this.#tables.takeImproved());
    this.#reading.renew();
    this.#goReading.renew();
  }

  #readSymbols(file: CodeFile): SymbolTable | undefined {
    return this.#reading.spend(() => {
      const symbols = this.#tables.of(file);
      this.#frames.forget(this.#tables.takeImproved());
      return symbols;
    });
  }

  /** Looks up the function at an address. */
  #look(file: CodeFile, address: number): Looked {
    const { path, name, elf: { buildId } } = file;
    const base = { module: path, file: "", line: 0, buildId, address };
    const cold = !this.#tables.has(file);
    const late = cold && this.#reading.isOver;
    const symbols = late
      ? this.#tables.withoutReading(file)
      : cold
      ? this.#readSymbols(file)
      : this.#tables.of(file);
    if (late && symbols === undefined) return this.#postpone(file, address);
    const symbol = symbols?.find(address);
    if (symbol !== undefined) {
      const rank = symbols!.whole ? RANK.symbols : RANK.dynamic;
      return { frame: { function: this.#demangler.name(symbol), ...base, rank }, final: true };
    }
    if (this.#reading.hasEnded && !this.#starts.has(file)) return this.#postpone(file, address);
    this.#unnamed++;
    const start = this.#reading.spend(() => this.#starts.of(file, address));
    return { frame: { function: offsetName(name, start), ...base }, final: symbols !== undefined };
  }

  /** Returns what stands for an address that there is no time left for. */
  #postpone({ path, name, serial, elf: { buildId } }: CodeFile, address: number): Looked {
    this.#postponed++;
    if (this.#reading.isEnding) this.#unread.add(`${serial}:${address}`);
    const frame = { function: offsetName(name, address), module: path, file: "", line: 0, buildId, address };
    return { frame, final: false };
  }
}
