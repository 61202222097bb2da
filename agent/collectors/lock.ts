/**
 * Who waits for which lock, and who held it: counted in the kernel by `bpf/lock.bpf.c`.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { LRUCache } from "lru-cache";
import { BpfError, type BpfMap, BpfObject, STACK_ENDS } from "../libbpf/mod.ts";
import type { Collector, RawLock, Window } from "./collector.ts";
import { Counters } from "./counters.ts";
import { onlineCpus } from "./cpus.ts";
import { decodeStacks } from "./cpu_decode.ts";
import { decodeLocks } from "./lock_decode.ts";
import { lockMapSize } from "./lock_map_size.ts";
import { MapSets } from "./map_sets.ts";
import { pidNamespace } from "../metadata/pid_namespace.ts";
import { checkProcess } from "../metadata/watched_process.ts";
import { type CodeRange, tracepointRanges } from "./tracepoint_frames.ts";
import { setStackSource, type StackSource } from "./user_stacks.ts";

/** The program's object file. */
export const LOCK_OBJECT = new URL("../../bpf/build/lock.bpf.o", import.meta.url).pathname;

/** At calls and wake-ups; those that note how a wait ends come before that of its begin. */
const FUTEX_PROGRAMS = ["end_thread", "wake_thread", "end_call", "begin_call"];
/** At tracepoints that Linux has since 5.19. */
const KERNEL_PROGRAMS = ["end_contention", "begin_contention"];

const ENOENT = 2;

export interface LockCollectorOptions {
  /** The only process whose waits are counted, in the agent's pid namespace; all without it. */
  pid?: number;
  /** Instead of one, all processes that descend from this one, but not itself. */
  ancestor?: number;
  /** Whether the agent's own waits are counted. @default {false} */
  includeSelf?: boolean;
  /** What all maps together may use. @default {16 MiB} */
  memoryBytes?: number;
  /** @default {bpf/build/lock.bpf.o of this source tree} */
  objectPath?: string;
  /** For whole user stacks; without it they are those of the kernel's helper, by frame pointers. */
  unwinder?: StackSource;
}

/**
 * Counts waits for locks in `locks`, a wait when it ends. A wait that a signal interrupts and that goes on is one; when
 * it does not go on, it is counted as interrupted with the thread's next wait or its end.
 *
 * @example
 * ```ts
 * using collector = LockCollector.open({ pid: 42 });
 * await delay(10_000);
 * const { locks, losses } = await collector.drain();
 * ```
 */
export class LockCollector implements Collector {
  readonly kind = "lock";
  readonly #logger = getLogger(["aperture", "lock"]);
  readonly #object: BpfObject;
  readonly #links = new DisposableStack();
  readonly #sets: MapSets<"counts" | "stacks">;
  readonly #stackEnds: Counters;
  /**
   * Stacks of earlier windows: that of a holder is kept when it wakes somebody, who may go on, and be counted, in a
   * later window.
   */
  readonly #earlier: LRUCache<bigint, readonly number[]>;
  #watchesKernel = false;
  #tracepoint: readonly CodeRange[] = [];

  /**
   * Loads the programs and counts from here on. A wait that has begun before is not counted.
   *
   * @throws {RangeError} when an option is out of its range
   * @throws {Error} when there is no such process, or the kernel refuses; see `preflight` for why it may
   */
  static open(
    {
      pid,
      ancestor,
      includeSelf = false,
      memoryBytes = 16 * 2 ** 20,
      objectPath = LOCK_OBJECT,
      unwinder,
    }: LockCollectorOptions = {},
  ): LockCollector {
    if (pid !== undefined) checkProcess(pid);
    const size = lockMapSize({ cpus: onlineCpus().length, memoryBytes });
    using stack = new DisposableStack();
    const object = stack.use(BpfObject.open(objectPath));
    object.setConstants({
      target_pid: pid ?? 0,
      target_ancestor: ancestor ?? 0,
      excluded_pid: includeSelf || pid === Deno.pid ? 0 : Deno.pid,
      pid_namespace: pidNamespace(),
    });
    for (const set of ["a", "b"]) {
      object.map(`counts_${set}`).setMaxEntries(size.counts);
      object.map(`stacks_${set}`).setMaxEntries(size.stacks);
    }
    object.map("threads").setMaxEntries(size.threads);
    object.map("contentions").setMaxEntries(size.contentions);
    setStackSource(object, unwinder);
    object.load();
    const collector = stack.use(new LockCollector(object, { earlierStacks: 2 * size.stacks }));
    collector.#attach();
    stack.move();
    return collector;
  }

  private constructor(object: BpfObject, { earlierStacks }: { earlierStacks: number }) {
    this.#object = object;
    this.#earlier = new LRUCache({ max: earlierStacks });
    this.#sets = new MapSets(object, ["counts", "stacks"]);
    this.#stackEnds = new Counters(object.map("stack_ends"), STACK_ENDS);
  }

  /** Whether the kernel tells of its own locks. */
  get watchesKernel(): boolean {
    return this.#watchesKernel;
  }

  /** What the maps use of the kernel's memory, in bytes. */
  get memoryBytes(): number {
    const names = ["threads", "contentions", "spins", "scratches", "taken", "stack_ends", "unwind_state"];
    return this.#sets.memoryBytes(names);
  }

  /** Waits since the load that ended, so many as all windows together have and the maps of counts lost. */
  get taken(): number {
    return this.#object.map("taken").sum(0);
  }

  get fill(): number {
    return this.#sets.fill;
  }

  drain(): Promise<Window> {
    return this.#sets.drain((set) => this.#empty(set));
  }

  #empty({ counts, stacks }: Record<"counts" | "stacks", BpfMap>): Window {
    const losses = this.#sets.losses();
    const addresses = new Map<bigint, readonly number[]>();
    stacks.drain((entries) => decodeStacks(entries, addresses));
    for (const [hash, stack] of addresses) this.#earlier.set(hash, stack);
    const locks: RawLock[] = [];
    const stack = (hash: bigint) => addresses.get(hash) ?? this.#earlier.get(hash);
    counts.drain((entries) => decodeLocks(entries, { stack, tracepoint: this.#tracepoint, locks }));
    return { samples: [], locks, losses, stacks: this.#stackEnds.drain() };
  }

  /** Ends counting; what was counted can still be drained. */
  stop(): void {
    this.#links[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.stop();
    this.#sets[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }

  #attach(): void {
    const attach = (program: string) => this.#links.use(this.#object.program(program).attach());
    FUTEX_PROGRAMS.forEach(attach);
    try {
      KERNEL_PROGRAMS.forEach(attach);
      this.#watchesKernel = true;
      this.#tracepoint = tracepointRanges(Deno.readTextFileSync("/proc/kallsyms"), "contention_begin");
    } catch (error) {
      if (!(error instanceof BpfError) || error.errno !== ENOENT) throw error;
      this.#logger.info(
        "Only locks of user space are watched: this kernel does not tell of its own, as 5.19 does",
      );
    }
  }
}
