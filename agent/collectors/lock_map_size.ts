/**
 * How large the maps of locks are made.
 *
 * @module
 */

import { checkMemory, entryBytes, SETS, STACK_BYTES } from "./map_size.ts";

const COUNT_BYTES = entryBytes(72, 24);
const THREAD_BYTES = entryBytes(8, 80);
const CONTENTION_BYTES = entryBytes(16, 40);
/** Each CPU has its own scratch and counters, and each map a spare entry for it. */
const CPU_BYTES = 8192 + THREAD_BYTES + CONTENTION_BYTES + SETS * (COUNT_BYTES + STACK_BYTES);

/** A place has a stack, and is waited at by several threads, for several holders. */
const COUNTS_PER_STACK = 4;
/** A part of the memory goes to waits that have not ended; 1 in 6 of it to those for locks of the kernel. */
const UNENDED_SHARE = 0.2;
const CONTENTION_SHARE = 1 / 6;
const MIN_ENTRIES = 256;
/** More threads than this use no futexes at once, on the largest machines. */
const MAX_THREADS = 1 << 17;

export interface LockMapSize {
  /** Entries of each map of counts. */
  readonly counts: number;
  /** Entries of each map of stacks. */
  readonly stacks: number;
  /** Threads that use futexes. */
  readonly threads: number;
  /** Threads that sleep for a lock of the kernel. */
  readonly contentions: number;
}

/** With which there is a profile at all. */
export const SMALLEST_LOCK_MAPS: LockMapSize = {
  counts: MIN_ENTRIES,
  stacks: MIN_ENTRIES,
  threads: MIN_ENTRIES,
  contentions: MIN_ENTRIES,
};

/** What maps of that size use at most, in bytes. */
export function lockMapBytes({ counts, stacks, threads, contentions }: LockMapSize, cpus: number): number {
  return SETS * (counts * COUNT_BYTES + stacks * STACK_BYTES) + threads * THREAD_BYTES +
    contentions * CONTENTION_BYTES + cpus * CPU_BYTES;
}

/**
 * Shares `memoryBytes` out: how many different waits a window has is not known before, so all of it is used.
 *
 * @throws {RangeError} when that is too little for any profile
 */
export function lockMapSize(
  { cpus, memoryBytes }: { readonly cpus: number; readonly memoryBytes: number },
): LockMapSize {
  const smallest = lockMapBytes(SMALLEST_LOCK_MAPS, cpus);
  checkMemory(memoryBytes, smallest);
  const spare = memoryBytes - smallest;
  const threads = Math.min(
    MIN_ENTRIES + Math.floor(spare * UNENDED_SHARE * (1 - CONTENTION_SHARE) / THREAD_BYTES),
    MAX_THREADS,
  );
  const contentions = MIN_ENTRIES + Math.floor(spare * UNENDED_SHARE * CONTENTION_SHARE / CONTENTION_BYTES);
  const left = (memoryBytes - lockMapBytes({ ...SMALLEST_LOCK_MAPS, threads, contentions }, cpus)) / SETS;
  const more = Math.floor(left / (STACK_BYTES + COUNTS_PER_STACK * COUNT_BYTES));
  return {
    counts: MIN_ENTRIES + more * COUNTS_PER_STACK,
    stacks: MIN_ENTRIES + more,
    threads,
    contentions,
  };
}
