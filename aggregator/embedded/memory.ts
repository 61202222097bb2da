// SPDX-License-Identifier: Apache-2.0
/**
 * Says how much memory the engine may take of what there is.
 *
 * @module
 */

/** The engine has this part; the rest is the aggregator's, the page cache's and what the limit does not count. */
const SHARE = 0.4;
const LEAST_BYTES = 512 * 2 ** 20;
const MOST_BYTES = 16 * 2 ** 30;

/** Returns the engine's limit where the machine, or a cgroup, lets this process have `available`, both in bytes. */
export function engineMemory(available: number): number {
  return Math.round(Math.min(MOST_BYTES, Math.max(LEAST_BYTES, available * SHARE)));
}
