// SPDX-License-Identifier: Apache-2.0
/**
 * Decides how large the maps of CPU samples are made.
 *
 * @module
 */

import { checkMemory, entryBytes, SETS, STACK_BYTES, WALK_BYTES } from "./map_size.ts";

const COUNT_BYTES = entryBytes(48, 8);
/** The map of Python processes takes so many bytes: a key has 4, which are kept as 8. */
const PYTHON_BYTES = 4096 * entryBytes(8, 72);
/** Each CPU has its own scratch and counters, and each map a spare entry for it. */
const CPU_BYTES = 4096 + WALK_BYTES + SETS * (COUNT_BYTES + STACK_BYTES);

/** Room for a drain that comes late. */
const MARGIN = 1.25;
const MIN_ENTRIES = 256;
/** Of the kernel, native and of Python a sample may have three, but most have stacks that others had before. */
const STACKS_PER_SAMPLE = 1.5;
/** Counts without stacks say little: below one stack for so many counts, both become fewer. */
const COUNTS_PER_STACK = 8;

export interface CpuMapSizeOptions {
  readonly cpus: number;
  /** Samples a second and CPU. */
  readonly freq: number;
  /** A drain may be away for so long. */
  readonly windowMs: number;
  /** All maps together may use so many bytes. */
  readonly memoryBytes: number;
}

export interface CpuMapSize {
  /** Entries of each map of counts. */
  readonly counts: number;
  /** Entries of each map of stacks. */
  readonly stacks: number;
}

/** These are the smallest with which there is a profile at all. */
const SMALLEST: CpuMapSize = { counts: MIN_ENTRIES, stacks: MIN_ENTRIES };

/** Returns what the smallest maps use, in bytes. */
export function leastCpuBytes(cpus: number): number {
  return cpuMapBytes(SMALLEST, cpus);
}

/** Returns what the largest maps use, for more of which there is no use. */
export function mostCpuBytes(options: Omit<CpuMapSizeOptions, "memoryBytes">): number {
  return cpuMapBytes(cpuMapSize({ ...options, memoryBytes: Infinity }), options.cpus);
}

/** Returns what maps of that size use at most, in bytes. */
export function cpuMapBytes({ counts, stacks }: CpuMapSize, cpus: number): number {
  return SETS * (counts * COUNT_BYTES + stacks * STACK_BYTES) + cpus * CPU_BYTES + PYTHON_BYTES;
}

/**
 * Returns the size at which no count is lost, as a window has no more keys than samples; a set whose maps fill is
 * drained early. Where that is more than `memoryBytes`, less. Then the stacks become fewer first: most samples have one
 * that was seen before, and a sample without it is still counted.
 *
 * @throws {RangeError} when `memoryBytes` is too little for any profile
 */
export function cpuMapSize({ cpus, freq, windowMs, memoryBytes }: CpuMapSizeOptions): CpuMapSize {
  checkMemory(memoryBytes, leastCpuBytes(cpus));
  const samples = Math.max(Math.ceil(cpus * freq * windowMs / 1000 * MARGIN), MIN_ENTRIES);
  const room = (memoryBytes - cpus * CPU_BYTES - PYTHON_BYTES) / SETS;
  // The smallest fits, so that there is room for as many stacks when there are no more counts than those.
  const most = Math.max(room / (COUNT_BYTES + STACK_BYTES / COUNTS_PER_STACK), MIN_ENTRIES);
  const counts = Math.min(
    samples,
    Math.floor(most),
    Math.floor((room - MIN_ENTRIES * STACK_BYTES) / COUNT_BYTES),
  );
  return {
    counts,
    stacks: Math.min(
      Math.ceil(samples * STACKS_PER_SAMPLE),
      Math.floor((room - counts * COUNT_BYTES) / STACK_BYTES),
    ),
  };
}
