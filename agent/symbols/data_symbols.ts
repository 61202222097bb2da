// SPDX-License-Identifier: Apache-2.0
/**
 * Names variables of programs and libraries, as locks often are: by their symbol tables, which are read where somebody
 * asks.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { biasOf, type CodeFile, openCopies } from "../elf/code_file.ts";
import type { CodeFiles } from "../elf/code_files.ts";
import { rootsOf } from "../elf/mapped_file.ts";
import type { Process } from "../metadata/processes.ts";
import { buildSymbolImage, free } from "../../symbols/build_symbol_image.ts";
import type { Libdw } from "../../symbols/libdw/libdw.ts";
import type { Demangler } from "../../symbols/names/demangle.ts";
import { SymbolTable } from "../../symbols/symbol_table.ts";
import { findDebugFile } from "./debug/debug_files.ts";
import { offsetName } from "./frame_cache.ts";
import { ReadingTime } from "./reading_time.ts";

export interface DataSymbolsOptions {
  readonly libdw: Libdw;
  readonly files: CodeFiles;
  readonly demangler: Demangler;
  /** All tables may take so many bytes; a file with a larger one goes without. @default {8 MiB} */
  readonly tableBytes?: number;
  /** Tables may be read for so long in one window, in ms; what comes beyond is named in a later one. */
  readonly coldMs: number;
  /** Returns the time in ms. @default {performance.now} */
  readonly clock?: () => number;
}

/** A file in a process, with all of its segments. */
interface Loaded {
  readonly file: CodeFile;
  readonly bias: number;
  readonly start: number;
  readonly end: number;
}

/** Files that could not be read are remembered as this. */
const NO_TABLE = "no table";

/** Finds the variable that has an address of a process. */
export class DataSymbols implements Disposable {
  readonly #libdw: Libdw;
  readonly #files: CodeFiles;
  readonly #demangler: Demangler;
  readonly #reading: ReadingTime;
  /** They are found by {@linkcode CodeFile.serial}. */
  readonly #tables: LRUCache<number, SymbolTable | typeof NO_TABLE>;
  readonly #loaded = new WeakMap<Process["mappings"], readonly Loaded[]>();
  readonly #tableBytes: number;
  #postponed = 0;

  constructor(options: DataSymbolsOptions) {
    const { libdw, files, demangler, coldMs, tableBytes = 8 << 20 } = options;
    [this.#libdw, this.#files, this.#demangler] = [libdw, files, demangler];
    this.#tableBytes = tableBytes;
    this.#reading = new ReadingTime(coldMs, options.clock ?? (() => performance.now()));
    this.#tables = new LRUCache({
      maxSize: tableBytes,
      sizeCalculation: (table) => table === NO_TABLE ? 1 : 1 + table.bytes,
      dispose: (table) => {
        if (table !== NO_TABLE) table[Symbol.dispose]();
      },
    });
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  /** Forgets all tables, which are read again as they are asked for. */
  clear(): void {
    this.#tables.clear();
  }

  /** Counts, since the start, questions that had to wait for a later window. */
  get postponed(): number {
    return this.#postponed;
  }

  endWindow(): void {
    this.#reading.renew();
  }

  /** Reads nothing more in `ms` from now on. */
  endReadingIn(ms: number): void {
    this.#reading.endIn(ms);
  }

  /**
   * Returns `SYMBOL in MODULE`; `MODULE+0xoffset in MODULE` where the file has no name for it, "" where that is not
   * known yet, and `undefined` where the address is in no file's segment.
   */
  find(process: Pick<Process, "mappings" | "folder">, address: number): string | undefined {
    const loaded = this.#loadedIn(process).find(({ start, end }) => address >= start && address < end);
    if (loaded === undefined) return undefined;
    const { file, bias } = loaded;
    const at = address - bias;
    // What lies between two segments may be anything.
    if (!file.elf.segments.some((one) => at >= one.address && at < one.address + one.memorySize)) {
      return undefined;
    }
    const table = this.#table(file);
    if (table === undefined) return "";
    const symbol = table === NO_TABLE ? undefined : table.find(at);
    const name = symbol === undefined ? offsetName(file.name, at) : this.#demangler.name(symbol);
    return `${name} in ${file.path}`;
  }

  #loadedIn(process: Pick<Process, "mappings" | "folder">): readonly Loaded[] {
    const known = this.#loaded.get(process.mappings);
    if (known) return known;
    const found = process.mappings.flatMap((mapping): Loaded[] => {
      const file = mapping.inode === 0 ? undefined : this.#files.of({ process, mapping });
      const bias = file && biasOf(file, mapping);
      if (file === undefined || bias === undefined) return [];
      const starts = file.elf.segments.map(({ address }) => address);
      const ends = file.elf.segments.map(({ address, memorySize }) => address + memorySize);
      return [{ file, bias, start: bias + Math.min(...starts), end: bias + Math.max(...ends) }];
    });
    this.#loaded.set(process.mappings, found);
    return found;
  }

  /** Returns `undefined` where this window has no time left to read one. */
  #table(file: CodeFile): SymbolTable | typeof NO_TABLE | undefined {
    const known = this.#tables.get(file.serial);
    if (known !== undefined) return known;
    if (this.#reading.isOver) {
      this.#postponed++;
      return undefined;
    }
    const table = this.#reading.spend(() => this.#read(file)) ?? NO_TABLE;
    this.#tables.set(file.serial, table);
    return table;
  }

  #read(file: CodeFile): SymbolTable | undefined {
    const { path: name, elf: { buildId, truncated } } = file;
    if (truncated) return undefined;
    for (const { path, place } of openCopies(file)) {
      try {
        const tables = this.#libdw.fileSymbols(path, {
          name,
          findDebugFile: (link) => findDebugFile({ path: name, buildId, roots: rootsOf(place) }, link),
        });
        const image = buildSymbolImage({ of: "data", tables, consumes: true });
        for (const { symbols, strings } of tables) free(symbols, strings);
        if (image.length < this.#tableBytes) return SymbolTable.inMemory(image);
        free(image);
        return undefined;
      } catch {
        // Another copy may be readable.
      }
    }
    return undefined;
  }
}
