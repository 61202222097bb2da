// SPDX-License-Identifier: Apache-2.0
/**
 * Collects where CPU time goes: samples of every CPU, counted in the kernel by `bpf/cpu.bpf.c`.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  BpfError,
  BpfObject,
  monotonicNs,
  PerfEvent,
  type PerfEventLink,
  STACK_ENDS,
} from "../libbpf/mod.ts";
import type { Interpreter } from "../python/interpreter.ts";
import type { RawPythonFrame } from "../python/python_symbols.ts";
import type { Collector, DrainOptions, RawSample, Window } from "./collector.ts";
import { onlineCpus } from "./cpus.ts";
import { Counters } from "./counters.ts";
import { decodeCounts, decodeStacks } from "./cpu_decode.ts";
import { KnownStacks } from "./known_stacks.ts";
import { type FilledMap, MapSets } from "./map_sets.ts";
import { cpuMapSize } from "./cpu_map_size.ts";
import { checkProcess } from "../metadata/watched_process.ts";
import { pidNamespace } from "../metadata/pid_namespace.ts";
import { PythonProcesses } from "./python_processes.ts";
import { setStackSource, type StackSource, WALK_MAPS } from "./user_stacks.ts";

const SECOND_NS = 1e9;
/** A sample has so many at most: of the kernel, of Python, and the two parts of a deep one of user space. */
const STACKS_OF_SAMPLE = 4;
/** A clock that ran for so much less than the time that passed, in ns, has stopped meanwhile: no reading takes as long. */
const STOPPED_NS = 1e8;
/** Clocks are compared over so long, in ns, or from one drain to the next. */
const LOOK_NS = 1e9;

/** A CPU is sampled by these. */
interface Clock {
  readonly link: PerfEventLink;
  /** It was looked at then, on the clock of the programs, and had run for so long, in ns. */
  lookedAt: bigint;
  count: number;
}

/** Returns the time between two samples of a CPU, in ns. */
export function cpuPeriodNs(freq: number): number {
  return Math.floor(SECOND_NS / freq);
}

/** The program's object file. */
export const CPU_OBJECT = new URL("../../bpf/build/cpu.bpf.o", import.meta.url).pathname;

export interface CpuCollectorOptions {
  /** Samples a second and CPU. @default {99} */
  freq?: number;
  /** It may be set to this, for which there is room in the maps then. @default {freq} */
  maxFreq?: number | undefined;
  /** `drain` may be away for so many ms; the size of the maps follows from it. @default {10000} */
  windowMs?: number;
  /** The only process that is sampled, in the agent's pid namespace; all without it. */
  pid?: number;
  /** All processes that descend from this one are watched instead of one, but not itself. */
  ancestor?: number;
  /** All maps together may use so many bytes. @default {64 MiB} */
  memoryBytes?: number;
  /** @default {bpf/build/cpu.bpf.o of this source tree} */
  objectPath?: string;
  /** It makes user stacks whole; without it they are those of the kernel's helper, by frame pointers. */
  unwinder?: StackSource;
  /** Stacks that drains gave before, of any kind. @default those of this collector */
  known?: KnownStacks | undefined;
  /** The CPUs to sample, asked for at every drain. @default {those that are online} */
  cpus?: () => readonly number[];
}

/**
 * Samples CPUs that are not idle. `value` is the time between two samples, `count` how many there were.
 *
 * @example
 * ```ts
 * using collector = CpuCollector.open({ freq: 99 });
 * await delay(10_000);
 * const { samples, losses } = await collector.drain();
 * ```
 */
export class CpuCollector implements Collector {
  readonly kind = "cpu";
  readonly #logger = getLogger(["aperture", "cpu"]);
  readonly #object: BpfObject;
  readonly #python: PythonProcesses;
  readonly #cpus: () => readonly number[];
  readonly #clocks = new Map<number, Clock>();
  #periodNs: number;
  /** Is the period from the next drain on. */
  #nextPeriodNs: number;
  readonly #leastPeriodNs: number;
  readonly #sets: MapSets<"counts" | "stacks">;
  #stopped = false;
  readonly #stackEnds: Counters;
  readonly #known: KnownStacks;

  /**
   * Loads the program and samples from here on.
   *
   * @throws {RangeError} when an option is out of its range
   * @throws {Error} when there is no such process, or the kernel refuses; see `preflight` for why it may
   */
  static open({
    freq = 99,
    maxFreq = freq,
    windowMs = 10_000,
    pid,
    ancestor,
    memoryBytes = 64 * 2 ** 20,
    objectPath = CPU_OBJECT,
    unwinder,
    known = new KnownStacks(),
    cpus = onlineCpus,
  }: CpuCollectorOptions = {}): CpuCollector {
    if (!Number.isInteger(freq) || freq < 1 || freq > 10_000) {
      throw new RangeError(
        `Cannot sample as 'freq' is not a number from 1 to 10000: current value is ${freq}`,
      );
    }
    if (pid !== undefined) checkProcess(pid);
    const size = cpuMapSize({
      ...{ cpus: cpus().length, freq: Math.max(freq, maxFreq), windowMs, memoryBytes },
    });
    using stack = new DisposableStack();
    const object = stack.use(BpfObject.open(objectPath));
    object.setConstants({
      target_pid: pid ?? 0,
      target_ancestor: ancestor ?? 0,
      pid_namespace: pidNamespace(),
    });
    for (const set of ["a", "b"]) {
      object.map(`counts_${set}`).setMaxEntries(size.counts);
      object.map(`stacks_${set}`).setMaxEntries(size.stacks);
    }
    setStackSource(object, unwinder);
    object.load();
    const collector = stack.use(new CpuCollector(object, { freq, maxFreq, cpus, known }));
    collector.#follow();
    stack.move();
    return collector;
  }

  private constructor(
    object: BpfObject,
    { freq, maxFreq, cpus, known }:
      & Required<Pick<CpuCollectorOptions, "freq" | "cpus">>
      & { maxFreq: number; known: KnownStacks },
  ) {
    this.#object = object;
    this.#periodNs = this.#nextPeriodNs = cpuPeriodNs(freq);
    this.#leastPeriodNs = cpuPeriodNs(Math.max(freq, maxFreq));
    this.#cpus = cpus;
    this.#known = known;
    this.#python = new PythonProcesses(object.map("python_processes"));
    this.#stackEnds = new Counters(object.map("stack_ends"), STACK_ENDS);
    this.#sets = new MapSets(object, ["counts", "stacks"]);
  }

  /** The maps use so many bytes of the kernel's memory. */
  get memoryBytes(): number {
    return this.#sets.memoryBytes(["scratch", "taken", "python_processes", "python_walk", ...WALK_MAPS]);
  }

  /** Samples since the load that were wanted, so many as all windows together have and the maps of counts lost. */
  get taken(): number {
    return this.#object.map("taken").sum(0);
  }

  /** The time between two samples of a CPU, in ns. */
  get periodNs(): number {
    return this.#periodNs;
  }

  /** Samples at another frequency from the next drain on: what a drain gives is of one frequency. */
  setFrequency(freq: number): void {
    this.#nextPeriodNs = cpuPeriodNs(freq);
  }

  get fill(): number {
    return this.#sets.fill;
  }

  get fillsInMs(): number {
    const entries = Math.min(
      this.#object.map("counts_a").maxEntries,
      this.#object.map("stacks_a").maxEntries / STACKS_OF_SAMPLE,
    );
    return entries * this.#leastPeriodNs / 1e6 / Math.max(1, this.#clocks.size);
  }

  async drain({ early = false }: DrainOptions = {}): Promise<Window> {
    if (!this.#stopped) this.#follow();
    return await this.#sets.drain((set) => {
      const periodNs = this.#periodNs;
      this.#changePeriod();
      const samples = this.#empty(set, periodNs);
      if (early) return { samples, losses: new Map() };
      return { samples, losses: this.#sets.losses(), stackEnds: this.#stackEnds.drain() };
    }, { early });
  }

  /** Samples at the period that was set meanwhile. What is counted since the sets changed, some ms, is taken for that. */
  #changePeriod(): void {
    if (this.#nextPeriodNs === this.#periodNs || this.#stopped) return;
    this.#periodNs = this.#nextPeriodNs;
    this.#release();
    this.#follow();
  }

  #empty({ counts, stacks }: Record<"counts" | "stacks", FilledMap>, periodNs: number): RawSample[] {
    const addresses = new Map<bigint, readonly number[]>();
    const python = new Map<bigint, readonly RawPythonFrame[]>();
    stacks.drain((entries) => decodeStacks(entries, addresses, { python, known: this.#known }));
    const samples: RawSample[] = [];
    counts.drain((entries) => decodeCounts(entries, { addresses, python, periodNs, samples }));
    return samples;
  }

  watchPython(interpreters: ReadonlyMap<number, Interpreter>): void {
    this.#python.watch(interpreters);
  }

  /** Ends sampling; what was counted can still be drained. */
  stop(): void {
    this.#stopped = true;
    this.#release();
  }

  #release(): void {
    for (const { link } of this.#clocks.values()) link[Symbol.dispose]();
    this.#clocks.clear();
  }

  [Symbol.dispose](): void {
    this.stop();
    this.#sets[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }

  /**
   * Attaches to CPUs that came, and lets go of those that went. One that went and came again since, as all but the first do
   * while a machine sleeps, is there as before, but the kernel has stopped its clock for good.
   */
  #follow(): void {
    const online = new Set(this.#cpus());
    for (const [cpu, clock] of this.#clocks) {
      const isOnline = online.has(cpu);
      if (isOnline && isRunning(clock)) continue;
      clock.link[Symbol.dispose]();
      this.#clocks.delete(cpu);
      const message = isOnline ? "CPU {cpu} was offline for a while" : "CPU {cpu} went offline";
      this.#logger.info(message, { cpu });
    }
    for (const cpu of online) {
      if (!this.#clocks.has(cpu)) this.#attach(cpu);
    }
    if (this.#clocks.size === 0) throw new Error("Cannot sample: no CPU could be attached to");
  }

  #attach(cpu: number): void {
    try {
      using event = PerfEvent.cpuClock(cpu, this.periodNs);
      const link = this.#object.program("sample_cpu").attachPerfEvent(event);
      this.#clocks.set(cpu, { link, lookedAt: monotonicNs(), count: link.count() });
    } catch (error) {
      // ENODEV, as it is not online any more.
      if (!(error instanceof BpfError) || error.errno !== ENODEV) throw error;
      this.#logger.info("CPU {cpu} went offline before it was sampled", { cpu });
    }
  }
}

/** Tells whether a clock ran since it was looked at last. */
function isRunning(clock: Clock): boolean {
  const now = monotonicNs();
  const count = clock.link.count();
  const passed = Number(now - clock.lookedAt);
  // What several looks miss adds up, but not what the two clocks go apart in hours.
  const isStopped = passed - (count - clock.count) >= STOPPED_NS;
  if (passed >= LOOK_NS) [clock.lookedAt, clock.count] = [now, count];
  return !isStopped;
}

const ENODEV = 19;
