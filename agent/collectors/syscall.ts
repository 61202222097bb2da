// SPDX-License-Identifier: Apache-2.0
/**
 * Collects which system calls are made, how long they take and how they fail, counted in the kernel by
 * `bpf/syscall.bpf.c`.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { BpfError, type BpfIterator, type BpfLink, BpfObject, STACK_ENDS } from "../libbpf/mod.ts";
import { Counters } from "./counters.ts";
import { setStackSource, type StackSource, WALK_MAPS } from "./user_stacks.ts";
import type { Collector, DrainOptions, RawSample, RawSlowCall, Window } from "./collector.ts";
import { onlineCpus } from "./cpus.ts";
import { decodeStacks } from "./cpu_decode.ts";
import { KnownStacks } from "./known_stacks.ts";
import { decodeObjects, decodeSlowCalls } from "./slow_calls.ts";
import { decodeSyscallSamples, SyscallRows } from "./syscall_decode.ts";
import { type FilledMap, MapSets, type SetWindow } from "./map_sets.ts";
import { pidNamespace } from "../metadata/pid_namespace.ts";
import { checkProcess } from "../metadata/watched_process.ts";
import { ENDED_CALLS, type SyscallMapSize, syscallMapSize } from "./syscall_map_size.ts";
import { type OpenCall, OpenCalls, openSamples } from "./syscall_open.ts";

/** The program's object file. */
export const SYSCALL_OBJECT = new URL("../../bpf/build/syscall.bpf.o", import.meta.url).pathname;

const MAPS = ["calls", "errors", "samples", "stacks", "slow", "objects"] as const;
/** These tell what threads do in slow calls; the last two are at tracepoints that Linux has since 5.19. */
const SWITCH_PROGRAM = "on_switch";
const LOCK_PROGRAMS = ["on_contention_begin", "on_contention_end"] as const;
const ENOENT = 2;
/** Begins of calls come last, so that no call ends unseen that was seen to begin. */
const PROGRAMS = [
  "on_process_exec",
  "on_process_exit",
  "on_signal_deliver",
  "on_sys_exit",
  "on_sys_enter",
] as const;
/** So many threads can be known where they do not hold their state themselves: entries are made when needed. */
const MAX_THREADS = 65_536;

export interface SyscallCollectorOptions {
  /** Calls that take as long keep the stack of their caller, in ns; 0 is none of them. @default {1000000} */
  slowNs?: number;
  /** One in so many of the other calls does, by chance; 0 is none. @default {1000} */
  sampleEvery?: number;
  /** The only process that is watched, in the agent's pid namespace; all without it. */
  pid?: number;
  /** All processes that descend from this one are watched instead of one, but not itself. */
  ancestor?: number;
  /** Calls of this process itself are counted, too. @default {false} */
  includeSelf?: boolean;
  /** All maps together may use so many bytes. @default {64 MiB} */
  memoryBytes?: number;
  /** It makes user stacks whole; without it they are those of the kernel's helper, by frame pointers. */
  unwinder?: StackSource;
  /** Stacks that drains gave before, of any kind. @default those of this collector */
  known?: KnownStacks | undefined;
  /** @default {bpf/build/syscall.bpf.o of this source tree} */
  objectPath?: string;
  /**
   * Threads hold their state themselves, as Linux can since 5.12; else it is in a hash map, which is slower.
   *
   * @default {wherever the kernel can}
   */
  taskStorage?: boolean;
}

/**
 * Counts all system calls, and keeps stacks of those that are slow and of a sample of the rest.
 *
 * A call counts in the window in which it ends, under the name that its thread has then; its time counts in the windows
 * in which it was, so that a call that does not end is seen as one that is open. Calls that were in the kernel at the
 * start are not counted. `samples` are an estimate without bias of all calls: a slow one counts itself, any
 * other that keeps its stack counts for `sampleEvery`.
 *
 * @example
 * ```ts
 * using collector = SyscallCollector.open({ slowNs: 1e6 });
 * await delay(10_000);
 * const { syscalls, samples, losses } = await collector.drain();
 * ```
 */
export class SyscallCollector implements Collector {
  readonly kind = "syscall";
  readonly #object: BpfObject;
  readonly #sets: MapSets<(typeof MAPS)[number]>;
  readonly #stackEnds: Counters;
  readonly #links: DisposableStack;
  readonly #open: BpfIterator;
  readonly #slowNs: number;
  /** What an earlier drain was in, whose window was added up. */
  #spare: SyscallRows | undefined;
  readonly #known: KnownStacks;
  /** Is true when threads hold their state themselves. */
  readonly taskStorage: boolean;

  /**
   * Loads the program and counts from here on.
   *
   * @throws {RangeError} when an option is out of its range
   * @throws {Error} when there is no such process, or the kernel refuses; see `preflight` for why it may
   */
  static open(options: SyscallCollectorOptions = {}): SyscallCollector {
    const { slowNs = 1_000_000, sampleEvery = 1000, pid, ancestor, includeSelf = false } = options;
    const { memoryBytes = 64 * 2 ** 20, objectPath = SYSCALL_OBJECT, known = new KnownStacks() } = options;
    check("slowNs", slowNs, Number.MAX_SAFE_INTEGER);
    check("sampleEvery", sampleEvery, 2 ** 30);
    if (pid !== undefined) checkProcess(pid);
    const size = syscallMapSize({ cpus: onlineCpus().length, memoryBytes });
    const constants = {
      target_pid: pid ?? 0,
      target_ancestor: ancestor ?? 0,
      excluded_pid: includeSelf || pid === Deno.pid ? 0 : Deno.pid,
      pid_namespace: pidNamespace(),
      slow_ns: slowNs,
      sample_every: sampleEvery,
    };
    const load = (taskStorage: boolean) => {
      const object = loadObject(objectPath, { constants, size, taskStorage, unwinder: options.unwinder });
      using stack = new DisposableStack();
      stack.use(object);
      const collector = new SyscallCollector(object, { taskStorage, slowNs, known });
      stack.move();
      return collector;
    };
    if (options.taskStorage !== undefined) return load(options.taskStorage);
    try {
      return load(true);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      try {
        const collector = load(false);
        getLogger(["aperture", "syscall"]).info(
          "This kernel has no task storage for tracing programs: threads are looked up instead, which costs more",
        );
        return collector;
      } catch {
        // What is wrong is wrong with both: the first says it.
        throw error;
      }
    }
  }

  private constructor(
    object: BpfObject,
    { taskStorage, slowNs, known }: { taskStorage: boolean; slowNs: number; known: KnownStacks },
  ) {
    this.#object = object;
    this.#slowNs = slowNs;
    this.#known = known;
    this.taskStorage = taskStorage;
    using undo = new DisposableStack();
    this.#sets = undo.use(new MapSets(object, MAPS));
    this.#stackEnds = new Counters(object.map("stack_ends"), STACK_ENDS);
    using open = new DisposableStack();
    this.#open = open.use(object.program("tell_open").attachIterator());
    using links = new DisposableStack();
    if (slowNs > 0) attachSlow(object, links);
    for (const name of PROGRAMS) links.use<BpfLink>(object.program(name).attach());
    this.#links = links.move();
    open.move();
    undo.move();
  }

  /** The maps use so many bytes of the kernel's memory; what threads hold themselves (170 bytes each) not counted. */
  get memoryBytes(): number {
    return this.#sets.memoryBytes(
      [
        "ended",
        "object_scratch",
        ...WALK_MAPS,
        ...this.taskStorage ? [] : ["threads_by_task"],
      ],
    );
  }

  get fill(): number {
    return this.#sets.fill;
  }

  drain({ early = false }: DrainOptions = {}): Promise<Window> {
    return this.#sets.drain((set, window) => {
      const rows = this.#spare ?? new SyscallRows();
      this.#spare = undefined;
      const release = () => {
        rows.clear();
        this.#spare = rows;
      };
      if (early) return { ...this.#empty(set, rows), losses: new Map(), release };
      // First of all: until this is read, the threads keep notes of what ends.
      const open = this.#readOpen(window);
      const { samples, ...counted } = this.#empty(set, rows);
      rows.addOpen(open, window);
      samples.push(...openSamples(open, window, { slowNs: this.#slowNs }));
      const losses = this.#sets.losses();
      return { ...counted, samples, losses, stackEnds: this.#stackEnds.drain(), release };
    }, { early });
  }

  /** Returns the calls that were open when the window ended. */
  #readOpen(window: SetWindow): readonly OpenCall[] {
    const open = new OpenCalls(window);
    open.addThreads(this.#open.read());
    this.#object.map("ended").drain((entries) => open.addEnded(entries));
    return open.calls();
  }

  #empty(
    { calls, errors, samples: counts, stacks, slow, objects }: Record<(typeof MAPS)[number], FilledMap>,
    rows: SyscallRows,
  ) {
    calls.drain((entries) => rows.addCalls(entries));
    errors.drain((entries) => rows.addErrors(entries));
    const addresses = new Map<bigint, readonly number[]>();
    stacks.drain((entries) => decodeStacks(entries, addresses, { known: this.#known }));
    const samples: RawSample[] = [];
    counts.drain((entries) => samples.push(...decodeSyscallSamples(entries, addresses)));
    const texts = new Map<bigint, string>();
    objects.drain((entries) => decodeObjects(entries, texts));
    const slowCalls: RawSlowCall[] = [];
    slow.drain((entries) => slowCalls.push(...decodeSlowCalls(entries, texts)));
    return { samples, syscalls: rows.rows(), slowCalls };
  }

  /** Ends counting; what was counted can still be drained. */
  stop(): void {
    this.#links.dispose();
  }

  [Symbol.dispose](): void {
    this.stop();
    this.#open[Symbol.dispose]();
    this.#sets[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }
}

function attachSlow(object: BpfObject, links: DisposableStack): void {
  links.use<BpfLink>(object.program(SWITCH_PROGRAM).attach());
  try {
    for (const name of LOCK_PROGRAMS) links.use<BpfLink>(object.program(name).attach());
  } catch (error) {
    // An older kernel does not tell of its locks: what was waited for them is time that the thread was blocked.
    if (!(error instanceof BpfError) || error.errno !== ENOENT) throw error;
  }
}

function loadObject(
  path: string,
  { constants, size, taskStorage, unwinder }: {
    constants: Readonly<Record<string, number>>;
    size: SyscallMapSize;
    taskStorage: boolean;
    unwinder: StackSource | undefined;
  },
): BpfObject {
  using stack = new DisposableStack();
  const object = stack.use(BpfObject.open(path));
  object.setConstants({ ...constants, task_storage: Number(taskStorage) });
  for (const map of MAPS) {
    for (const set of ["a", "b"]) object.map(`${map}_${set}`).setMaxEntries(size[map]);
  }
  object.map("ended").setMaxEntries(ENDED_CALLS);
  if (taskStorage) object.map("threads_by_task").leaveOut();
  else {
    object.map("threads").leaveOut();
    object.map("threads_by_task").setMaxEntries(MAX_THREADS);
  }
  setStackSource(object, unwinder);
  object.load();
  stack.move();
  return object;
}

function check(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new RangeError(
    `Cannot watch system calls as '${name}' is not a number from 0 to ${most}: current value is ${value}`,
  );
}
