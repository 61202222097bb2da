// SPDX-License-Identifier: Apache-2.0
/**
 * Says how much memory decoding may take of what there is.
 *
 * @module
 */

const SHARE = 0.2;
const LEAST_BYTES = 192 * 2 ** 20;
const MOST_BYTES = 2 ** 30;

/** Returns the heap's limit where the machine, or a cgroup, lets this process have `available`, both in bytes. */
export function decoderMemory(available: number): number {
  return Math.round(Math.min(MOST_BYTES, Math.max(LEAST_BYTES, available * SHARE)));
}
