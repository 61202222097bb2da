// SPDX-License-Identifier: Apache-2.0
/**
 * The pause after failures, before the next try.
 *
 * @module
 */

export interface BackoffOptions {
  /** It waits so long after the first failure, in ms; twice as long after each further one. */
  readonly firstMs: number;
  /** It waits no longer, in ms. */
  readonly maxMs: number;
  /** Returns a number from 0 to 1. @default {Math.random} */
  readonly random?: () => number;
}

/**
 * Returns how long to wait after `failures` in a row, in ms; 0 after none. It is half to all of the doubled pause, by
 * chance, so that those who failed together do not come back together.
 */
export function backoffMs(
  failures: number,
  { firstMs, maxMs, random = Math.random }: BackoffOptions,
): number {
  if (failures === 0) return 0;
  return Math.min(maxMs, firstMs * 2 ** Math.min(30, failures - 1)) * (0.5 + random() / 2);
}
