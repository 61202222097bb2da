/**
 * Addresses → functions, for the kernel and for every process, on the node where the files are.
 *
 * Everything that is asked is answered at once from what is at hand; nothing waits, not for a network either.
 * A file is read when an address in it is first asked for; what that may take of one window is bounded, and
 * what comes beyond is named `module+0xoffset` for now and looked up in the next window.
 *
 * @module
 */

import { type Frame, UNKNOWN_MODULE, VDSO_MODULE } from "../../profile/model.ts";
import { mappingAt } from "../metadata/maps.ts";
import { type Process, type ProcessStats, ProcessTable } from "../metadata/processes.ts";
import { mapsPython, pythonPids } from "../python/find_processes.ts";
import { mergeStacks } from "../python/merge.ts";
import type { Interpreter } from "../python/interpreter.ts";
import { type PythonStats, PythonSymbols, type RawPythonFrame } from "../python/python_symbols.ts";
import { Demangler } from "./demangle.ts";
import type { DebugStats } from "./dwarf/client.ts";
import { FilelessCode } from "./fileless.ts";
import { forgetFrames, type FrameCache, frameCache, frameKey, offsetName } from "./frames.ts";
import { Inlining } from "./inlining.ts";
import { KernelSymbols } from "./kernel_symbols.ts";
import { Libdw } from "./libdw/libdw.ts";
import { fileAddress, type Module, Modules, type ModuleStats, type Place } from "./modules.ts";
import type { NameStyle } from "./name_style.ts";

export interface SymboliserOptions {
  /** For named frames and symbol tables together. @default {64 MiB} */
  cacheBytes?: number;
  /** For the debug information that is open, on its Worker. @default {128 MiB} */
  debugBytes?: number;
  /** How C++ and Rust functions are called. @default {"full"} */
  names?: NameStyle;
  /** How long files may be read in one window, in ms; the file that passes it is read to its end. @default {1000} */
  coldMs?: number;
  /** @default {"/proc"} */
  procRoot?: string;
  /** In ms. @default {performance.now} */
  clock?: () => number;
}

/** A sample's addresses, leaf first; the kernel's are their low 48 bits. */
export interface RawStack {
  readonly pid: number;
  readonly user: readonly number[];
  readonly kernel: readonly number[];
  /** The Python functions that the thread was in, leaf first. */
  readonly python?: readonly RawPythonFrame[];
}

/** Counted since the start, but for what is held now (`frames`, `…Bytes`, `tables`, `processes`). */
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
  /** C++ and Rust symbols that were left as they are, as their names are too long. */
  readonly undemangled: number;
  readonly perfMapBytes: number;
  readonly kernelBytes: number;
  readonly modules: ModuleStats;
  readonly processes: ProcessStats;
  readonly python: PythonStats;
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
 * using symboliser = Symboliser.open();
 * for (const sample of window.samples) builder.stack(symboliser.stack(sample).map((f) => builder.frame(f)));
 * symboliser.endWindow();
 * ```
 */
export class Symboliser implements Disposable {
  readonly #libdw: Libdw;
  readonly #procRoot: string;
  readonly #kernel: KernelSymbols;
  readonly #processes: ProcessTable;
  readonly #modules: Modules;
  readonly #fileless: FilelessCode;
  readonly #python: PythonSymbols;
  readonly #frames: FrameCache;
  readonly #demangler: Demangler;
  /** What this window found already, by process (the kernel's by `undefined`) and address. */
  readonly #near = new Map<Process | undefined, Map<number, readonly Frame[]>>();
  readonly #inlining: Inlining;
  readonly #clock: () => number;
  readonly #coldMs: number;
  #coldLeft: number;
  #hits = 0;
  #misses = 0;
  #unmapped = 0;
  #unnamed = 0;
  #postponed = 0;
  #pythonStacks = 0;
  #pythonMismatches = 0;

  private constructor(libdw: Libdw, options: SymboliserOptions) {
    const { cacheBytes = 64 << 20, debugBytes = 128 << 20, coldMs = 1000, names = "full" } = options;
    const { procRoot = "/proc", clock = () => performance.now() } = options;
    this.#libdw = libdw;
    this.#procRoot = procRoot;
    this.#clock = clock;
    this.#coldMs = this.#coldLeft = coldMs;
    this.#kernel = new KernelSymbols({ procRoot });
    this.#processes = new ProcessTable({ procRoot });
    this.#modules = new Modules({ libdw, tableBytes: Math.ceil(cacheBytes / 2) });
    this.#python = new PythonSymbols({ cacheBytes: Math.ceil(cacheBytes / 8) });
    const demangler = this.#demangler = new Demangler(names);
    this.#fileless = new FilelessCode({ libdw, demangler });
    const frames = this.#frames = frameCache(Math.ceil(cacheBytes / 2));
    this.#inlining = new Inlining({ modules: this.#modules, frames, demangler, bytes: debugBytes });
  }

  /** @throws {LibdwError} when libdw is not installed */
  static open(options: SymboliserOptions = {}): Symboliser {
    return new Symboliser(new Libdw(), options);
  }

  [Symbol.dispose](): void {
    this.#frames.clear();
    this.#python[Symbol.dispose]();
    this.#inlining[Symbol.dispose]();
    this.#libdw[Symbol.dispose]();
  }

  get stats(): SymboliserStats {
    return {
      frames: this.#frames.size,
      frameBytes: this.#frames.calculatedSize,
      hits: this.#hits,
      misses: this.#misses,
      unmapped: this.#unmapped,
      unnamed: this.#unnamed + this.#fileless.unnamed,
      postponed: this.#postponed,
      undemangled: this.#demangler.refused,
      perfMapBytes: this.#fileless.perfMapBytes,
      kernelBytes: this.#kernel.bytes,
      modules: this.#modules.stats,
      processes: this.#processes.stats,
      python: this.#python.stats,
      pythonStacks: this.#pythonStacks,
      pythonMismatches: this.#pythonMismatches,
      debug: this.#inlining.stats,
    };
  }

  /**
   * The frames of a stack, leaf first: the kernel's, then the user's. An equal frame is often the same object.
   * Where functions are inlined an address is several frames, the innermost first. That, and lines, are known
   * of an address after the next {@linkcode settle}.
   *
   * All but the first address of each half are return addresses: they point behind the call, which may be the
   * last instruction of its function (a call that never returns) or belong to another line, so they are looked
   * up, and reported, one byte before. The first of each half is where the processor itself stood. To the place
   * where a signal interrupted a function, the unwinder has added the byte.
   */
  stack({ pid, user, kernel, python }: RawStack): Frame[] {
    const frames: Frame[] = [];
    this.#addNear(frames, { process: undefined, addresses: kernel }, (at) => this.#kernelFrames(at));
    if (user.length === 0 && python === undefined) return frames;
    const process = this.#process(pid);
    const native: Frame[] = python === undefined ? frames : [];
    if (process) this.#addNear(native, { process, addresses: user }, (at) => this.#userFrames(process, at));
    else for (const _ of user) native.push(this.#unknown());
    if (python === undefined) return frames;
    for (const frame of this.#withPython(pid, { native, python })) frames.push(frame);
    return frames;
  }

  /**
   * Asks for the inlined functions and lines of the addresses that `stack` met for the first time, and waits
   * for the answers, but not longer than `ms`: those that come later are there for the next window.
   *
   * @returns whether `stack` may know more by now
   */
  async settle(ms: number): Promise<boolean> {
    const improved = await this.#inlining.settle(ms);
    this.#near.clear();
    return improved;
  }

  /** What is known of a process; `undefined` when it was gone before it was first asked for. */
  process(pid: number): Pick<Process, "pid" | "startTime" | "exe" | "comm"> | undefined {
    return this.#process(pid);
  }

  /** The processes that run Python, as far as they are known. */
  pythonInterpreters(): ReadonlyMap<number, Interpreter> {
    return this.#python.interpreters();
  }

  /** Looks at all processes of the machine for those that run Python; without it, those with samples are looked at. */
  findPython(): void {
    for (const pid of pythonPids(this.#procRoot)) this.#process(pid);
  }

  /** Looks at one process, which may run another program than before, and says whether it runs Python. */
  lookForPython(pid: number): boolean {
    if (!mapsPython(pid, this.#procRoot)) return false;
    const process = this.#processes.refresh(pid);
    if (process) this.#python.look(process);
    return this.#python.has(pid);
  }

  /** Call after the samples of a window: processes, maps and modules are then looked at anew. */
  endWindow(): void {
    this.#near.clear();
    this.#processes.endWindow();
    this.#python.endWindow();
    this.#fileless.endWindow();
    this.#demangler.endWindow();
    this.#kernel.endWindow();
    this.#modules.endWindow();
    this.#inlining.endWindow();
    forgetFrames(this.#frames, this.#modules.takeImproved());
    this.#coldLeft = this.#coldMs;
  }

  /** Adds the frames of `addresses`, all but the first of which are looked up one byte before. */
  #addNear(
    to: Frame[],
    { process, addresses }: { process: Process | undefined; addresses: readonly number[] },
    find: (address: number) => readonly Frame[],
  ): void {
    if (addresses.length === 0) return;
    let near = this.#near.get(process);
    if (near === undefined) this.#near.set(process, near = new Map());
    for (let i = 0; i < addresses.length; i++) {
      const address = i === 0 ? addresses[i]! : addresses[i]! - 1;
      let found = near.get(address);
      if (found) this.#hits++;
      else near.set(address, found = find(address));
      for (const frame of found) to.push(frame);
    }
  }

  #unknown(): Frame {
    this.#unmapped++;
    return UNMAPPED;
  }

  #process(pid: number): Process | undefined {
    const process = this.#processes.get(pid);
    if (process) this.#python.look(process);
    return process;
  }

  #withPython(
    pid: number,
    { native, python }: { native: readonly Frame[]; python: readonly RawPythonFrame[] },
  ): Frame[] {
    const { frames, matched } = mergeStacks(native, this.#python.stack(pid, python));
    this.#pythonStacks++;
    if (!matched) this.#pythonMismatches++;
    return frames;
  }

  #kernelFrames(address: number): readonly Frame[] {
    const known = this.#frames.get(address);
    if (known) {
      this.#hits++;
      return known;
    }
    this.#misses++;
    const frame = this.#kernel.frame(address);
    const frames = [{ ...frame, function: this.#demangler.name(frame.function) }]; // Drivers may be in Rust.
    // Modules and BPF programs come and go, and others take their addresses.
    if (this.#kernel.isStatic(address)) this.#frames.set(address, frames);
    return frames;
  }

  #userFrames(process: Process, address: number): readonly Frame[] {
    const mapping = mappingAt(process.mappings, address);
    if (mapping === undefined) {
      return [this.#unknown()];
    }
    const place = { process, mapping };
    if (mapping.path === VDSO_MODULE) return [this.#fileless.vdsoFrame(mapping, address)];
    const module = mapping.inode === 0 ? undefined : this.#modules.of(place);
    if (module?.elf === undefined) return [this.#fileless.frame(process, mapping, address)];
    const inModule = fileAddress(module.elf, mapping, address);
    const key = frameKey(module, inModule);
    const known = this.#frames.get(key);
    if (known) {
      this.#hits++;
      return known;
    }
    this.#misses++;
    const { frame, final } = this.#look(module, place, inModule);
    const frames = [frame];
    if (final) {
      this.#frames.set(key, frames);
      this.#inlining.want(module, place, inModule);
    }
    return frames;
  }

  /** `final` unless a later window may know better. */
  #look(module: Module, place: Place, address: number): { frame: Frame; final: boolean } {
    const { path, name, buildId } = module;
    const base = { module: path, file: "", line: 0, buildId, address };
    const cold = !this.#modules.hasSymbols(module);
    if (cold && this.#coldLeft <= 0) {
      this.#postponed++;
      return { frame: { function: offsetName(name, address), ...base }, final: false };
    }
    const start = this.#clock();
    const symbols = this.#modules.symbols(module, place);
    if (cold) this.#coldLeft -= this.#clock() - start;
    const symbol = symbols?.find(address);
    if (symbol !== undefined) {
      return { frame: { function: this.#demangler.name(symbol), ...base }, final: true };
    }
    this.#unnamed++;
    return { frame: { function: offsetName(name, address), ...base }, final: symbols !== undefined };
  }
}
