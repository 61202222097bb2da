/**
 * Addresses → functions, for the kernel and for every process, on the node where the files are.
 *
 * Everything that is asked is answered at once from what is at hand; nothing waits, not for a network either.
 * A file is read when an address in it is first asked for; what that may take of one window is bounded, and
 * what comes beyond is named `module+0xoffset` for now and looked up in the next window.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { type Frame, JIT_MODULE, UNKNOWN_MODULE, VDSO_MODULE } from "../../profile/model.ts";
import type { Mapping } from "../metadata/maps.ts";
import { type Process, type ProcessStats, ProcessTable } from "../metadata/processes.ts";
import { mapsPython, pythonPids } from "../python/find_processes.ts";
import { mergeStacks } from "../python/merge.ts";
import type { Interpreter } from "../python/interpreter.ts";
import { type PythonStats, PythonSymbols, type RawPythonFrame } from "../python/python_symbols.ts";
import type { Debuginfod, DebuginfodStats } from "./debuginfod/debuginfod.ts";
import { demangle } from "./demangle.ts";
import { DebugClient, type DebugStats, type NoFrames } from "./dwarf/client.ts";
import { KernelSymbols } from "./kernel_symbols.ts";
import type { SourceFrame } from "./libdw/dwarf.ts";
import { Libdw } from "./libdw/libdw.ts";
import { fileAddress, type Module, Modules, type ModuleStats, type Place } from "./modules.ts";
import { PerfMaps } from "./perf_maps.ts";
import { parseV8Name } from "./v8_names.ts";
import { readVdso, type Vdso } from "./vdso.ts";

export interface SymboliserOptions {
  /** For named frames and symbol tables together. @default {64 MiB} */
  cacheBytes?: number;
  /** For the debug information that is open, on its Worker. @default {128 MiB} */
  debugBytes?: number;
  /** For debug information that is not here. @default none */
  debuginfod?: Debuginfod | undefined;
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
  readonly perfMapBytes: number;
  readonly kernelBytes: number;
  readonly modules: ModuleStats;
  readonly processes: ProcessStats;
  readonly python: PythonStats;
  /** Stacks with frames of Python, and those of them where native stack and Python's did not fit together. */
  readonly pythonStacks: number;
  readonly pythonMismatches: number;
  readonly debug: DebugStats;
  /** `undefined` when no server is asked. */
  readonly debuginfod: DebuginfodStats | undefined;
}

/** Addresses of one module whose inlined functions and lines are wanted. */
interface Wanted {
  readonly module: Module;
  readonly place: Place;
  readonly addresses: number[];
}

/** Addresses that may wait for the next {@linkcode Symboliser.settle}. */
const MAX_WANTED = 65_536;
const FRAME_BYTES = 256;
/** Mappings without a file, named or not, and those of files that only stand for memory. */
const ANONYMOUS =
  /^$|^\[(anon[:_]|heap|stack)|^\/\/anon|^anon_inode:|^\/(memfd:|SYSV|anon_hugepage|dev\/(zero|shm\/))/;
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
  readonly #perfMaps = new PerfMaps();
  readonly #python: PythonSymbols;
  readonly #vdso: Vdso | undefined;
  /** By the kernel's address, or by module and address in it. */
  readonly #frames: LRUCache<number | string, readonly Frame[]>;
  /** What this window found already, by process (the kernel's by `undefined`) and address. */
  readonly #near = new Map<Process | undefined, Map<number, readonly Frame[]>>();
  readonly #debug: DebugClient;
  readonly #debuginfod: Debuginfod | undefined;
  readonly #wanted = new Map<number, Wanted>();
  #wantedCount = 0;
  /** Modules whose debug information cannot be used. */
  readonly #undebuggable = new Set<number>();
  #improved = false;
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
    const { cacheBytes = 64 << 20, debugBytes = 128 << 20, coldMs = 1000 } = options;
    const { debuginfod, procRoot = "/proc", clock = () => performance.now() } = options;
    this.#libdw = libdw;
    this.#procRoot = procRoot;
    this.#clock = clock;
    this.#coldMs = this.#coldLeft = coldMs;
    this.#kernel = new KernelSymbols({ procRoot });
    this.#processes = new ProcessTable({ procRoot });
    this.#debuginfod = debuginfod;
    this.#modules = new Modules({ libdw, tableBytes: Math.ceil(cacheBytes / 2), downloads: debuginfod });
    this.#python = new PythonSymbols({ cacheBytes: Math.ceil(cacheBytes / 8) });
    this.#vdso = readVdso(libdw);
    this.#frames = new LRUCache({
      maxSize: Math.ceil(cacheBytes / 2),
      sizeCalculation: (frames) =>
        frames.reduce((sum, frame) => sum + FRAME_BYTES + frame.function.length + frame.file.length, 0),
    });
    this.#debug = new DebugClient({ bytes: debugBytes });
  }

  /** @throws {LibdwError} when libdw is not installed */
  static open(options: SymboliserOptions = {}): Symboliser {
    return new Symboliser(new Libdw(), options);
  }

  [Symbol.dispose](): void {
    this.#frames.clear();
    this.#python[Symbol.dispose]();
    this.#debug[Symbol.dispose]();
    this.#libdw[Symbol.dispose]();
  }

  get stats(): SymboliserStats {
    return {
      frames: this.#frames.size,
      frameBytes: this.#frames.calculatedSize,
      hits: this.#hits,
      misses: this.#misses,
      unmapped: this.#unmapped,
      unnamed: this.#unnamed,
      postponed: this.#postponed,
      perfMapBytes: this.#perfMaps.bytes,
      kernelBytes: this.#kernel.bytes,
      modules: this.#modules.stats,
      processes: this.#processes.stats,
      python: this.#python.stats,
      pythonStacks: this.#pythonStacks,
      pythonMismatches: this.#pythonMismatches,
      debug: this.#debug.stats,
      debuginfod: this.#debuginfod?.stats,
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
    const wanted = [...this.#wanted.values()];
    this.#wanted.clear();
    this.#wantedCount = 0;
    for (const { module, place, addresses } of wanted) this.#ask(module, place, addresses);
    await this.#debug.settle(ms);
    this.#near.clear();
    const improved = this.#improved;
    this.#improved = false;
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
    this.#perfMaps.endWindow();
    this.#kernel.endWindow();
    this.#modules.endWindow();
    this.#debug.endWindow();
    this.#forget(this.#modules.takeImproved());
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
    const frames = [this.#kernel.frame(address)];
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
    if (mapping.path === VDSO_MODULE) return [this.#vdsoFrame(mapping, address)];
    const module = mapping.inode === 0 ? undefined : this.#modules.of(place);
    if (module?.elf === undefined) return [this.#otherFrame(place, address)];
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
      this.#want(module, place, inModule);
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
    if (symbol !== undefined) return { frame: { function: demangle(symbol), ...base }, final: true };
    this.#unnamed++;
    return { frame: { function: offsetName(name, address), ...base }, final: symbols !== undefined };
  }

  #want(module: Module, place: Place, address: number): void {
    if (this.#undebuggable.has(module.number)) return;
    if (this.#modules.debugPlace(module, place) === undefined) return;
    if (this.#wantedCount >= MAX_WANTED) return;
    this.#wantedCount++;
    const wanted = this.#wanted.get(module.number);
    if (wanted) wanted.addresses.push(address);
    else this.#wanted.set(module.number, { module, place, addresses: [address] });
  }

  #ask(module: Module, place: Place, addresses: readonly number[]): void {
    const debugPlace = this.#modules.debugPlace(module, place);
    if (debugPlace === undefined) return;
    this.#debug.ask(
      module.key,
      debugPlace,
      addresses,
      (address, found) => this.#take(module, address, found),
    );
  }

  /** Puts the functions that are inlined at an address before the one that is named already. */
  #take(module: Module, address: number, found: readonly SourceFrame[] | NoFrames): void {
    const key = frameKey(module, address);
    if (found === "never") {
      this.#undebuggable.add(module.number);
    } else if (found === "later") {
      this.#modules.forgetDebugPlace(module);
      this.#frames.delete(key); // So that it is asked for again.
    } else {
      const named = this.#frames.peek(key)?.at(-1);
      if (named === undefined || found.length === 0) return;
      this.#improved = true;
      this.#frames.set(key, found.map((source, i) => inlinedFrame(named, source, i === found.length - 1)));
    }
  }

  /** Of these modules all is looked up anew. */
  #forget(modules: readonly number[]): void {
    if (modules.length === 0) return;
    const prefixes = new Set(modules.map(String));
    for (const key of this.#frames.keys()) {
      if (typeof key === "string" && prefixes.has(key.slice(0, key.indexOf(":")))) this.#frames.delete(key);
    }
  }

  #vdsoFrame(mapping: Mapping, address: number): Frame {
    const inModule = address - mapping.start;
    const symbol = this.#vdso?.symbols.find(inModule);
    if (symbol === undefined) this.#unnamed++;
    return {
      function: symbol ?? offsetName(VDSO_MODULE, inModule),
      module: VDSO_MODULE,
      file: "",
      line: 0,
      buildId: this.#vdso?.buildId ?? "",
      address: inModule,
    };
  }

  /**
   * Code that no ELF file holds. A name from a perf map goes without an address: the same function lies
   * elsewhere in each process and each time that it is compiled, and is one function all the same.
   */
  #otherFrame({ process, mapping }: Place, address: number): Frame {
    const base = { file: "", line: 0, buildId: "" };
    const name = this.#perfMaps.find(process, address);
    if (name !== undefined) {
      const script = parseV8Name(name);
      if (script) {
        // Functions of one name in different files are different ones; what is no file (`[eval]`) is JIT code.
        const module = script.file.startsWith("[") ? JIT_MODULE : script.file;
        return { ...script, module, buildId: "", address: 0 };
      }
      return { function: demangle(name), module: JIT_MODULE, ...base, address: 0 };
    }
    this.#unnamed++;
    // Files that are mapped to be run, but are no ELF (a JVM's archive, a .NET assembly), and the kernel's
    // special mappings (`[uprobes]`) have names that say more than [jit].
    const path = ANONYMOUS.test(mapping.path) ? JIT_MODULE : mapping.path;
    const offset = address - mapping.start + (path === JIT_MODULE ? 0 : mapping.offset);
    const short = path.slice(path.lastIndexOf("/") + 1);
    return { function: offsetName(short, offset), module: path, ...base, address: offset };
  }
}

function frameKey({ number }: Module, address: number): string {
  return `${number}:${address}`;
}

/**
 * The symbol table's name of the function that is really there is kept, as it is the one that is known
 * without debug information, too; one that only has an offset is not a name.
 */
function inlinedFrame(named: Frame, { function: name, file, line }: SourceFrame, outermost: boolean): Frame {
  const better = name !== "" && !(outermost && !isOffset(named));
  return { ...named, function: better ? demangle(name) : named.function, file, line };
}

function isOffset({ function: name, address }: Frame): boolean {
  return name.endsWith(`+0x${address.toString(16)}`);
}

function offsetName(module: string, offset: number): string {
  return `${module}+0x${offset.toString(16)}`;
}

/** Binary search; mappings are ascending. */
function mappingAt(mappings: readonly Mapping[], address: number): Mapping | undefined {
  let low = 0;
  let high = mappings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (mappings[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  const mapping = mappings[low - 1];
  return mapping && address < mapping.end ? mapping : undefined;
}
