// SPDX-License-Identifier: Apache-2.0
/**
 * Collects who waits for which lock, and who held it, counted in the kernel by `bpf/lock.bpf.c`.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { BpfError, BpfObject, STACK_ENDS } from "../libbpf/mod.ts";
import type { Collector, DrainOptions, RawHold, RawLock, Window } from "./collector.ts";
import { Counters } from "./counters.ts";
import { onlineCpus } from "./cpus.ts";
import type { KnownStacks } from "./known_stacks.ts";
import { decodeHolds, decodeLocks } from "./lock_decode.ts";
import { lockMapSize } from "./lock_map_size.ts";
import { decodeFutexState, openRows, type OpenWait, readOpenWaits } from "./lock_open.ts";
import { LockOwners } from "./lock_owners.ts";
import { LockPlaces } from "./lock_places.ts";
import { type FilledMap, MapSets, type SetWindow } from "./map_sets.ts";
import { pidNamespace } from "../metadata/pid_namespace.ts";
import { checkProcess } from "../metadata/watched_process.ts";
import { tracepointRanges } from "./tracepoint_frames.ts";
import { setStackSource, type StackSource, WALK_MAPS } from "./user_stacks.ts";

/** The program's object file. */
export const LOCK_OBJECT = new URL("../../bpf/build/lock.bpf.o", import.meta.url).pathname;

/** These are at calls; those that note how a wait ends come before that of its begin. */
const FUTEX_PROGRAMS = ["end_thread", "end_program", "end_call", "begin_call"];
/** These are at tracepoints that Linux has since 5.19. */
const KERNEL_PROGRAMS = ["end_contention", "begin_contention"];

const ENOENT = 2;
const SETS = ["counts", "stacks", "places", "holds"] as const;
type SetName = (typeof SETS)[number];

export interface LockCollectorOptions {
  /** The only process whose waits are counted, in the agent's pid namespace; all without it. */
  pid?: number;
  /** All processes that descend from this one are watched instead of one, but not itself. */
  ancestor?: number;
  /** The agent's own waits are counted, too. @default {false} */
  includeSelf?: boolean;
  /** All maps together may use so many bytes. @default {16 MiB} */
  memoryBytes?: number;
  /** @default {bpf/build/lock.bpf.o of this source tree} */
  objectPath?: string;
  /** It makes user stacks whole; without it they are those of the kernel's helper, by frame pointers. */
  unwinder?: StackSource;
  /** Stacks that drains gave before, of any kind. @default those of this collector */
  known?: KnownStacks | undefined;
}

/**
 * Counts waits for locks in `locks`: how long in the window in which that was, and how often when they end. What did not
 * end in a window has rows of outcome `open`. A wait that a signal interrupts and that goes on is one; when it does not
 * go on, it is counted as interrupted with the thread's next wait or its end.
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
  readonly #sets: MapSets<SetName>;
  readonly #stackEnds: Counters;
  readonly #places: LockPlaces;
  readonly #find = (hash: bigint) => this.#places.find(hash);
  #watchesKernel = false;

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
      known,
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
      for (const name of SETS) object.map(`${name}_${set}`).setMaxEntries(size[name]);
    }
    for (const name of ["threads", "futexes", "contentions", "ended"] as const) {
      object.map(name).setMaxEntries(size[name]);
    }
    setStackSource(object, unwinder);
    object.load();
    const collector = stack.use(
      new LockCollector(object, { places: 2 * size.places, stacks: 2 * size.stacks, known }),
    );
    collector.#attach();
    stack.move();
    return collector;
  }

  private constructor(
    object: BpfObject,
    remembered: { places: number; stacks: number; known: KnownStacks | undefined },
  ) {
    this.#object = object;
    this.#places = new LockPlaces(remembered);
    this.#sets = new MapSets(object, SETS);
    this.#stackEnds = new Counters(object.map("stack_ends"), STACK_ENDS);
  }

  /** The kernel tells of its own locks. */
  get watchesKernel(): boolean {
    return this.#watchesKernel;
  }

  /** The maps use so many bytes of the kernel's memory. */
  get memoryBytes(): number {
    const futexes = ["threads", "futexes", "ended"];
    const names = [
      ...futexes,
      "contentions",
      "spins",
      "scratches",
      "taken",
      "walk_memos",
      "walk_spans",
      ...WALK_MAPS,
    ];
    return this.#sets.memoryBytes(names);
  }

  /** Waits since the load that ended, so many as all windows together have and the maps of counts lost. */
  get taken(): number {
    const taken = this.#object.map("taken");
    let sum = 0;
    for (let program = 0; program < taken.maxEntries; program++) sum += taken.sum(program);
    return sum;
  }

  get fill(): number {
    return this.#sets.fill;
  }

  drain({ early = false }: DrainOptions = {}): Promise<Window> {
    return this.#sets.drain((set, window) => {
      if (early) return { ...this.#empty(set, () => []), losses: this.#forgotten(new Map()) };
      // First of all: until this is read, the programs keep notes of what ends.
      const open = this.#readOpen(window);
      const counted = this.#empty(set, () => this.#openRows(open, window));
      const losses = this.#forgotten(this.#sets.losses());
      return { ...counted, losses, stackEnds: this.#stackEnds.drain() };
    }, { early });
  }

  /** @param open returns the rows of what is open, by places that were read before */
  #empty({ counts, stacks, places, holds }: Record<SetName, FilledMap>, open: () => RawLock[]) {
    stacks.drain((entries) => this.#places.addStacks(entries));
    places.drain((entries) => this.#places.addPlaces(entries));
    const locks = open();
    counts.drain((entries) => decodeLocks(entries, this.#find, locks));
    const held: RawHold[] = [];
    holds.drain((entries) => decodeHolds(entries, this.#find, held));
    return { samples: [], locks, holds: held };
  }

  #readOpen(window: SetWindow): OpenWait[] {
    const map = (name: string) => this.#object.map(name);
    const maps = { threads: map("threads"), contentions: map("contentions"), ended: map("ended") };
    return readOpenWaits(maps, window);
  }

  #openRows(open: readonly OpenWait[], window: SetWindow): RawLock[] {
    using owners = new LockOwners(open, this.#find);
    const futexes = this.#object.map("futexes");
    const bytes = new Uint8Array(futexes.valueBytes);
    const state = (futex: Uint8Array<ArrayBuffer>) => {
      return futexes.lookupInto(futex, bytes) ? decodeFutexState(bytes) : undefined;
    };
    return openRows(open, { window, state, find: this.#find, owner: owners.find.bind(owners) });
  }

  /** Adds to `losses` the places that were asked for in vain. */
  #forgotten(losses: Map<string, number>): Map<string, number> {
    const forgotten = this.#places.endDrain();
    if (forgotten > 0) losses.set("holder_forgotten", (losses.get("holder_forgotten") ?? 0) + forgotten);
    return losses;
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
      this.#places.tracepoint = tracepointRanges(Deno.readTextFileSync("/proc/kallsyms"), "contention_begin");
    } catch (error) {
      if (!(error instanceof BpfError) || error.errno !== ENOENT) throw error;
      this.#logger.info(
        "Only locks of user space are watched: this kernel does not tell of its own, as 5.19 does",
      );
    }
  }
}
