// SPDX-License-Identifier: Apache-2.0
/**
 * The memory that maps of every kind take.
 *
 * @module
 */

/** Maps that are emptied in turn: see {@linkcode MapSets}. */
export const SETS = 2;

/**
 * Returns what an entry of a preallocated hash map takes, in bytes: its key, its value, and what the kernel adds, which
 * is a header and at most two buckets.
 */
export function entryBytes(keyBytes: number, valueBytes: number): number {
  return 48 + 2 * 16 + keyBytes + valueBytes;
}

/** An entry of a map of stacks takes so many bytes: a hash, and a `struct aperture_stack`. */
export const STACK_BYTES = entryBytes(8, 1024);

/** Each CPU takes so many bytes in an object that walks stacks: a `struct unwind_state`, and a `struct found`. */
export const WALK_BYTES = 6208 + 22_592;

/** @throws {RangeError} when the smallest maps do not fit into `memoryBytes` */
export function checkMemory(memoryBytes: number, smallestBytes: number): void {
  if (smallestBytes <= memoryBytes) return;
  throw new RangeError(`Cannot make BPF maps of ${memoryBytes} bytes: the smallest need ${smallestBytes}`);
}
