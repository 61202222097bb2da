// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the functions of addresses, of the kernel and of every process, on the node where the files are.
 *
 * Everything that is asked is answered at once from what is at hand; nothing waits, not for a network either.
 *
 * @module
 */

import { type Frame, UNKNOWN_MODULE, VDSO_MODULE } from "../../profile/model.ts";
import type { RawStack } from "../collectors/collector.ts";
import { mappingAt } from "../metadata/maps.ts";
import { type Process, type ProcessStats, ProcessTable } from "../metadata/processes.ts";
import { processesWith } from "../python/find_processes.ts";
import { mergeStacks } from "../python/merge.ts";
import type { Interpreter } from "../python/interpreter.ts";
import { type PythonStats, PythonSymbols, type RawPythonFrame } from "../python/python_symbols.ts";
import type { Debuginfod } from "../../symbols/debuginfod/debuginfod.ts";
import { Demangler } from "../../symbols/names/demangle.ts";
import type { DebugClientOptions, DebugStats } from "./debug/dwarf/client.ts";
import { AddressMap } from "./address_map.ts";
import { NonElfCode } from "./non_elf_code.ts";
import { DataPlaces } from "./data_places.ts";
import { DataSymbols } from "./data_symbols.ts";
import { ElfCode } from "./elf_code.ts";
import { cutFrame, FrameCache, KERNEL_SERIAL } from "./frame_cache.ts";
import type { JavaMaps, JavaMapsStats } from "../java/java_maps.ts";
import { KernelSymbols } from "./kernel/kernel_symbols.ts";
import { KsymbolEvents } from "../libbpf/mod.ts";
import { onlineCpus } from "../collectors/cpus.ts";
import type { Shed } from "../memory/keeper.ts";
import { Libdw } from "../../symbols/libdw/libdw.ts";
import { CodeFiles } from "../elf/code_files.ts";
import { fileAddress } from "../elf/mapped_file.ts";
import type { SymbolFiles } from "./symbol_files.ts";
import type { SymbolTablesStats } from "./symbol_tables.ts";
import type { Unwinder } from "../unwind/unwinder.ts";
import { byteBefore, cutReasonOf, type FileAddress, toFileAddress } from "../elf/file_address.ts";
import type { NameStyle } from "../../symbols/names/name_style.ts";

export interface SymboliserOptions {
  /** Named frames and the symbol tables in memory together may take so many bytes. @default {64 MiB} */
  cacheBytes?: number;
  /** Says how debug information is read, in a process of its own. */
  debug?: DebugClientOptions;
  /** The stacks are from its walks: it knows the files that negative addresses name. @default {none} */
  unwinder?: FileSource | undefined;
  /** C++ and Rust functions are called by such names. @default {"full"} */
  names?: NameStyle;
  /** It is asked for debug information that is not here. @default none */
  debuginfod?: Debuginfod | undefined;
  /** Keeps symbol tables in files. @default they are in memory */
  symbolFiles?: SymbolFiles | undefined;
  /** Asks JVMs what they compiled. @default none */
  java?: JavaMaps | undefined;
  /**
   * Files may be read for so long in one window, in ms, and a fifth of it more for names of variables; the file that
   * passes it is read to its end. @default {1000}
   */
  coldMs?: number;
  /** @default {"/proc"} */
  procRoot?: string;
  /** Returns the time in ms. @default {performance.now} */
  clock?: () => number;
}

/** The symboliser uses this of an {@linkcode Unwinder}. */
export type FileSource = Pick<Unwinder, "files" | "processes" | "onFile">;

/** A process that was read in the last so many ms need not be read again when it is observed. */
const OBSERVED_MS = 1000;

/** Frames that one window found already. */
type Near = AddressMap<readonly Frame[]>;

/** The part of a process that others ask for. */
export type KnownProcess = Pick<Process, "pid" | "startTime" | "exe" | "name" | "comm">;

/** A process that was observed while it runs. */
export interface ObservedProcess {
  readonly process: KnownProcess;
  readonly python: boolean;
}

/** Is counted since the start, but for what is held now (`frames`, `…Bytes`, `tables`, `processes`). */
export interface SymboliserStats {
  readonly frames: number;
  readonly frameBytes: number;
  readonly hits: number;
  readonly misses: number;
  /** Addresses that no mapping of their process has, or whose process was gone. */
  readonly unmapped: number;
  /** Addresses without a name in the file, or in one that could not be read. */
  readonly unnamed: number;
  /** Addresses that went unnamed for now as reading files took too long in their window. */
  readonly postponed: number;
  /** Places in files that stay without a name as the run is over, see {@linkcode Symboliser.endReadingIn}. */
  readonly unread: number;
  /** C++ and Rust symbols that were left as they are, as their names are too long. */
  readonly undemangled: number;
  readonly perfMapBytes: number;
  readonly kernelBytes: number;
  /** The kernel's symbols were read so often. */
  readonly kernelReadings: number;
  readonly symbolTables: SymbolTablesStats;
  readonly processes: ProcessStats;
  readonly python: PythonStats;
  /** JVMs that were asked what they compiled. */
  readonly java: JavaMapsStats;
  /** Stacks with frames of Python, and those of them where native stack and Python's did not fit together. */
  readonly pythonStacks: number;
  readonly pythonMismatches: number;
  readonly debug: DebugStats;
}

const UNMAPPED: Frame = {
  function: UNKNOWN_MODULE,
  module: UNKNOWN_MODULE,
  file: "",
  line: 0,
  buildId: "",
  address: 0,
};

/**
 * Names the frames of stacks.
 *
 * @example
 * ```ts
 * await using symboliser = Symboliser.open();
 * for (const sample of window.samples) builder.stack(symboliser.stack(sample).map((f) => builder.frame(f)));
 * symboliser.endWindow();
 * ```
 */
export class Symboliser implements AsyncDisposable {
  readonly #libdw: Libdw;
  readonly #procRoot: string;
  readonly #kernel: KernelSymbols;
  readonly #processes: ProcessTable;
  readonly #elf: ElfCode;
  readonly #nonElf: NonElfCode;
  readonly #dataSymbols: DataSymbols;
  readonly #dataPlaces: DataPlaces;
  readonly #python: PythonSymbols;
  readonly #frames: FrameCache;
  readonly #demangler: Demangler;
  /** This window found these already, by address: of the kernel, of files, and of each process. */
  readonly #nearKernel: Near = new AddressMap();
  readonly #nearFiles: Near = new AddressMap();
  readonly #near = new Map<Process | undefined, Near>();
  readonly #files: CodeFiles;
  readonly #unwinder: FileSource | undefined;
  readonly #java: JavaMaps | undefined;
  #hits = 0;
  #misses = 0;
  #unmapped = 0;
  #pythonStacks = 0;
  #pythonMismatches = 0;

  private constructor(libdw: Libdw, options: SymboliserOptions) {
    const { cacheBytes = 64 << 20, debug = {}, coldMs = 1000, names = "full" } = options;
    const { debuginfod, unwinder, procRoot = "/proc", clock = () => performance.now() } = options;
    this.#libdw = libdw;
    this.#procRoot = procRoot;
    this.#kernel = new KernelSymbols({
      procRoot,
      // Of another machine's /proc, this kernel tells nothing.
      openChanges: procRoot === "/proc" ? () => KsymbolEvents.open(onlineCpus()) : undefined,
    });
    this.#processes = unwinder?.processes ?? new ProcessTable({ procRoot });
    this.#files = unwinder?.files ?? new CodeFiles();
    this.#unwinder = unwinder;
    this.#java = options.java;
    if (unwinder) {
      unwinder.onFile = (file) => {
        if (file.path !== VDSO_MODULE) this.#elf.observe(file);
      };
    }
    this.#python = new PythonSymbols({ cacheBytes: Math.ceil(cacheBytes / 8) });
    const demangler = this.#demangler = new Demangler(names);
    this.#nonElf = new NonElfCode({ libdw, demangler, java: options.java, reading: { coldMs, clock } });
    this.#dataSymbols = new DataSymbols({ libdw, demangler, files: this.#files, coldMs: coldMs / 5, clock });
    this.#dataPlaces = new DataPlaces(this.#dataSymbols);
    const frames = this.#frames = new FrameCache(Math.ceil(cacheBytes / 2));
    this.#elf = new ElfCode({
      ...{ libdw, files: this.#files, frames, demangler, downloads: debuginfod, debug, coldMs, clock },
      tableBytes: Math.ceil(cacheBytes / 2),
      symbolFiles: options.symbolFiles,
    });
  }

  /** @throws {LibdwError} when libdw is not installed */
  static open(options: SymboliserOptions = {}): Symboliser {
    return new Symboliser(new Libdw(), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#unwinder) this.#unwinder.onFile = undefined;
    this.#frames.clear();
    this.#kernel[Symbol.dispose]();
    this.#python[Symbol.dispose]();
    this.#dataSymbols[Symbol.dispose]();
    await this.#elf[Symbol.asyncDispose]();
    this.#libdw[Symbol.dispose]();
  }

  /** Returns the agent's own process that reads debug information, while there is one. */
  get readerPid(): number | undefined {
    return this.#elf.readerPid;
  }

  /** Gives up what can be read again. */
  shed(what: Shed): void {
    if (what === "frames") return this.#frames.clear();
    if (what === "symbol_tables") this.#dataSymbols.clear();
    this.#elf.shed(what);
  }

  /** Tells whether `pid` is a process of the agent's own that reads debug information. */
  isReader(pid: number): boolean {
    return this.#elf.isReader(pid);
  }

  get stats(): SymboliserStats {
    const { hits, misses, unnamed, postponed, unread, symbolTables, debug } = this.#elf.stats;
    return {
      frames: this.#frames.size,
      frameBytes: this.#frames.bytes,
      hits: this.#hits + hits,
      misses: this.#misses + misses,
      unmapped: this.#unmapped,
      unnamed: unnamed + this.#nonElf.unnamed,
      postponed: postponed + this.#nonElf.postponed + this.#dataSymbols.postponed,
      unread,
      undemangled: this.#demangler.refused,
      perfMapBytes: this.#nonElf.perfMapBytes,
      kernelBytes: this.#kernel.bytes,
      kernelReadings: this.#kernel.readings,
      symbolTables,
      processes: this.#processes.stats,
      python: this.#python.stats,
      java: this.#java?.stats ?? { written: 0, failed: 0 },
      pythonStacks: this.#pythonStacks,
      pythonMismatches: this.#pythonMismatches,
      debug,
    };
  }

  /**
   * Returns the frames of a stack, leaf first: the kernel's, then the user's. An equal frame is often the same object.
   * Where functions are inlined an address is several frames, the innermost first. That, and lines, are known
   * of an address after the next {@linkcode settle}.
   *
   * All but the first address of each half are return addresses: they point behind the call, which may be the
   * last instruction of its function (a call that never returns) or belong to another line, so they are looked
   * up, and reported, one byte before. The first of each half is where the processor itself stood. To a place that no
   * call left, as a signal interrupted a function there, the unwinder has added the byte. The last frame of a stack that
   * is not whole is `[cut: reason]`.
   */
  stack({ pid, program, user, kernel, python }: Omit<RawStack, "comm">): Frame[] {
    const frames: Frame[] = [];
    this.#addNear(frames, { near: this.#nearKernel, addresses: kernel }, (at) => this.#kernelFrames(at));
    if (user.length === 0 && python === undefined) return frames;
    const process = this.#process(pid, program);
    const near = this.#nearOf(process);
    const native: Frame[] = python === undefined ? frames : [];
    this.#addNear(native, { near, addresses: user }, (at) => this.#userFrames(process, at));
    if (python === undefined) return frames;
    for (const frame of this.#withPython(process, { native, python })) frames.push(frame);
    return frames;
  }

  /**
   * Looks up the addresses of a stack that no other of the window had, for {@linkcode settle} to ask about: `stack` then
   * need not be called twice.
   */
  prepare({ pid, program, user }: Pick<RawStack, "pid" | "program" | "user">): void {
    if (user.length === 0) return;
    const process = this.#process(pid, program);
    const near = this.#nearOf(process);
    for (let i = 0; i < user.length; i++) {
      if (cutReasonOf(user[i]!) !== undefined) continue;
      const address = i === 0 ? user[i]! : byteBefore(user[i]!);
      const known = address < 0 ? this.#nearFiles : near;
      if (known.get(address) === undefined) known.set(address, this.#userFrames(process, address));
    }
  }

  /**
   * Asks for the inlined functions and lines of the addresses that were looked up for the first time, and waits for the
   * answers, but not longer than `ms`: those that come later are there for the next window.
   *
   * @returns whether `stack` may know more by now
   */
  async settle(ms: number): Promise<boolean> {
    const improved = await this.#elf.settle(ms);
    if (improved) this.#clearNear();
    return improved;
  }

  /**
   * Has no file read any more that was not, in `ms` from now on: the run is over. What is still asked for then has the
   * names that are known, else `module+0xoffset`.
   */
  endReadingIn(ms: number): void {
    this.#elf.endReadingIn(ms);
    this.#nonElf.endReadingIn(ms);
    this.#dataSymbols.endReadingIn(ms);
  }

  /**
   * Returns what is known of a process, of when it ran `program`; `undefined` when it was gone before it was first asked
   * for.
   */
  process(pid: number, program?: number): KnownProcess | undefined {
    return this.#process(pid, program);
  }

  /** Returns what is known of a process that has ended, see {@linkcode process}. */
  endedProcess(pid: number, program?: number): KnownProcess | undefined {
    return this.#processes.ended(pid, program);
  }

  /**
   * Returns what the data at an address of a process are: `SYMBOL in MODULE` of a variable, `heap`, `stack` or
   * `shared memory`; "" where that is not known, or the process has run another program since.
   */
  dataPlace({ pid, program }: Pick<RawStack, "pid" | "program">, address: number): string {
    const process = this.#process(pid, program);
    return process && !process.past ? this.#dataPlaces.of(process, address) : "";
  }

  /** Returns the processes that run Python, as far as they are known. */
  pythonInterpreters(): ReadonlyMap<number, Interpreter> {
    return this.#python.interpreters();
  }

  /** Looks at all processes of the machine for those that run Python; without it, those with samples are looked at. */
  findPython(): void {
    for (const pid of processesWith((process) => this.#python.mayRun(process), this.#procRoot)) {
      this.#process(pid);
    }
  }

  /**
   * Takes in what of a process is only there while it runs: call when its first sample was seen, and after an exec.
   *
   * @returns what it is, and whether it runs Python; `undefined` when it is gone already
   */
  observe(pid: number): ObservedProcess | undefined {
    const process = this.#processes.readWithin(pid, { maxAgeMs: OBSERVED_MS });
    if (process === undefined) return undefined;
    for (const mapping of process.mappings) this.#files.of({ process, mapping });
    this.#python.look(process);
    return { process, python: this.#python.has(pid) };
  }

  #nearOf(process: Process | undefined): Near {
    let near = this.#near.get(process);
    if (near === undefined) this.#near.set(process, near = new AddressMap());
    return near;
  }

  #clearNear(): void {
    this.#nearKernel.clear();
    this.#nearFiles.clear();
    this.#near.clear();
  }

  /** Call after the samples of a window: processes, maps and modules are then looked at anew. */
  endWindow(): void {
    this.#clearNear();
    this.#processes.endWindow();
    this.#python.endWindow();
    this.#nonElf.endWindow();
    this.#dataPlaces.endWindow();
    this.#dataSymbols.endWindow();
    this.#demangler.endWindow();
    this.#kernel.endWindow();
    this.#elf.endWindow();
    this.#files.endWindow();
  }

  /** Adds the frames of `addresses`, all but the first of which are looked up one byte before. */
  #addNear(
    to: Frame[],
    { near, addresses }: { near: Near; addresses: readonly number[] },
    find: (address: number) => readonly Frame[],
  ): void {
    for (let i = 0; i < addresses.length; i++) {
      const reason = cutReasonOf(addresses[i]!);
      if (reason !== undefined) {
        to.push(cutFrame(reason));
        continue;
      }
      const address = i === 0 ? addresses[i]! : byteBefore(addresses[i]!);
      const known = address < 0 ? this.#nearFiles : near;
      let found = known.get(address);
      if (found) this.#hits++;
      else known.set(address, found = find(address));
      for (const frame of found) to.push(frame);
    }
  }

  #unknown(): Frame {
    this.#unmapped++;
    return UNMAPPED;
  }

  #process(pid: number, program?: number): Process | undefined {
    const process = this.#processes.get(pid, program);
    if (process && !process.past) this.#python.look(process);
    return process;
  }

  #withPython(
    process: Process | undefined,
    { native, python }: { native: readonly Frame[]; python: readonly RawPythonFrame[] },
  ): Frame[] {
    const { frames, matched } = mergeStacks(native, this.#python.stack(process, python));
    this.#pythonStacks++;
    if (!matched) this.#pythonMismatches++;
    return frames;
  }

  #kernelFrames(address: number): readonly Frame[] {
    const known = this.#frames.get(KERNEL_SERIAL, address);
    if (known) {
      this.#hits++;
      return known;
    }
    this.#misses++;
    const frame = this.#kernel.frame(address);
    const frames = [{ ...frame, function: this.#demangler.name(frame.function) }]; // Drivers may be in Rust.
    // Modules and BPF programs come and go, and others take their addresses.
    if (this.#kernel.isStatic(address)) this.#frames.set(KERNEL_SERIAL, address, frames);
    return frames;
  }

  #userFrames(process: Process | undefined, address: number): readonly Frame[] {
    const inFile = toFileAddress(address);
    if (inFile) return this.#knownFileFrames(inFile);
    const mapping = process && mappingAt(process.mappings, address);
    if (!process || !mapping) return [this.#unknown()];
    if (mapping.path === VDSO_MODULE) return [this.#nonElf.vdsoFrame(address - mapping.start)];
    const file = this.#files.of({ process, mapping });
    if (file === undefined) return [this.#nonElf.frame(process, mapping, address)];
    return this.#elf.frames(file, fileAddress(file.elf, mapping, address));
  }

  /** Returns the frames of an address in a file that the unwinder knew by its id. */
  #knownFileFrames({ file: id, address }: FileAddress): readonly Frame[] {
    const file = this.#files.get(id);
    if (file === undefined) return [this.#unknown()];
    if (file.path === VDSO_MODULE) return [this.#nonElf.vdsoFrame(address)];
    return this.#elf.frames(file, address);
  }
}
