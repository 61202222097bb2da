// SPDX-License-Identifier: Apache-2.0
/**
 * Decides how large the maps of locks are made.
 *
 * @module
 */

import { checkMemory, entryBytes, SETS, STACK_BYTES, WALK_BYTES } from "./map_size.ts";

const COUNT_BYTES = entryBytes(24, 192);
const PLACE_BYTES = entryBytes(8, 40);
const HOLD_BYTES = entryBytes(8, 184);
const THREAD_BYTES = entryBytes(8, 120);
const CONTENTION_BYTES = entryBytes(16, 40);
/** An entry of an LRU map has a node in a list, too. */
const FUTEX_BYTES = 24 + entryBytes(16, 1080);
const ENDED_BYTES = entryBytes(16, 72);
/** Each CPU has its own scratches, counters and walks that are known, and each map a spare entry for it. */
const CPU_BYTES = 65_536 + WALK_BYTES + THREAD_BYTES + CONTENTION_BYTES + FUTEX_BYTES + ENDED_BYTES +
  SETS * (COUNT_BYTES + STACK_BYTES + PLACE_BYTES + HOLD_BYTES);

/** A stack is that of a few threads, which wait for several holders, and of which some hold. */
const COUNTS_PER_STACK = 3;
const PLACES_PER_STACK = 1.5;
const HOLDS_PER_STACK = 0.5;
/** Parts of the memory for what goes on: threads, futexes, waits for locks of the kernel, and notes of what ended. */
const SHARES = { threads: 0.12, futexes: 0.2, contentions: 0.03, ended: 0.02 } as const;
const MIN_ENTRIES = 256;
/** More threads than this use no futexes at once, on the largest machines. */
const MAX_THREADS = 1 << 17;

export interface LockMapSize {
  /** Entries of each map of counts. */
  readonly counts: number;
  /** Entries of each map of stacks. */
  readonly stacks: number;
  /** Entries of each map of places. */
  readonly places: number;
  /** Entries of each map of holds. */
  readonly holds: number;
  /** Threads that use futexes. */
  readonly threads: number;
  /** Futexes that threads wait at. */
  readonly futexes: number;
  /** Threads that sleep for a lock of the kernel. */
  readonly contentions: number;
  /** Waits that end while the agent looks for those that are open. */
  readonly ended: number;
}

/** These are the smallest with which there is a profile at all. */
export const SMALLEST_LOCK_MAPS: LockMapSize = {
  counts: MIN_ENTRIES,
  stacks: MIN_ENTRIES,
  places: MIN_ENTRIES,
  holds: MIN_ENTRIES,
  threads: MIN_ENTRIES,
  futexes: MIN_ENTRIES,
  contentions: MIN_ENTRIES,
  ended: MIN_ENTRIES,
};

/** Returns what maps of that size use at most, in bytes. */
export function lockMapBytes(size: LockMapSize, cpus: number): number {
  const sets = size.counts * COUNT_BYTES + size.stacks * STACK_BYTES + size.places * PLACE_BYTES +
    size.holds * HOLD_BYTES;
  return SETS * sets + size.threads * THREAD_BYTES + size.futexes * FUTEX_BYTES +
    size.contentions * CONTENTION_BYTES + size.ended * ENDED_BYTES + cpus * CPU_BYTES;
}

/** Returns what the smallest maps use, in bytes. */
export function leastLockBytes(cpus: number): number {
  return lockMapBytes(SMALLEST_LOCK_MAPS, cpus);
}

/**
 * Shares `memoryBytes` out: how many different waits a window has is not known before, so all of it is used.
 *
 * @throws {RangeError} when that is too little for any profile
 */
export function lockMapSize(
  { cpus, memoryBytes }: { readonly cpus: number; readonly memoryBytes: number },
): LockMapSize {
  const smallest = leastLockBytes(cpus);
  checkMemory(memoryBytes, smallest);
  const spare = memoryBytes - smallest;
  const more = (share: number, bytes: number) => MIN_ENTRIES + Math.floor(spare * share / bytes);
  const open = {
    threads: Math.min(more(SHARES.threads, THREAD_BYTES), MAX_THREADS),
    futexes: more(SHARES.futexes, FUTEX_BYTES),
    contentions: more(SHARES.contentions, CONTENTION_BYTES),
    ended: more(SHARES.ended, ENDED_BYTES),
  };
  const left = (memoryBytes - lockMapBytes({ ...SMALLEST_LOCK_MAPS, ...open }, cpus)) / SETS;
  const stackBytes = STACK_BYTES + COUNTS_PER_STACK * COUNT_BYTES + PLACES_PER_STACK * PLACE_BYTES +
    HOLDS_PER_STACK * HOLD_BYTES;
  const stacks = Math.floor(left / stackBytes);
  return {
    ...open,
    counts: MIN_ENTRIES + stacks * COUNTS_PER_STACK,
    stacks: MIN_ENTRIES + stacks,
    places: MIN_ENTRIES + Math.floor(stacks * PLACES_PER_STACK),
    holds: MIN_ENTRIES + Math.floor(stacks * HOLDS_PER_STACK),
  };
}
