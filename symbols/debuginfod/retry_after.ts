// SPDX-License-Identifier: Apache-2.0
/**
 * Decides how long a file that no server had, and the reader of the log, are left alone.
 *
 * @module
 */

/** Troubles that come within so many ms are one burst in the log. */
export const BURST_MS = 600_000;
/** A file that no server has is asked for again after `cache_miss_s`, then twice that, up to this. */
const MAX_MISS_MS = 86_400_000;

/** Returns how long to rest after no server had a file for the nth time, when a client of users would for `missMs`. */
export function missRetryMs(missMs: number, misses: number): number {
  return Math.max(missMs, Math.min(MAX_MISS_MS, missMs * 2 ** Math.min(30, misses - 1)));
}
