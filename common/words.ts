// SPDX-License-Identifier: Apache-2.0
/**
 * Numbers in sentences.
 *
 * @module
 */

/** Returns `1 batch`, `1,204 batches`. */
export function counted(count: number, one: string, several: string): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : several}`;
}

/** Returns `0.4 s`, `66.8 s`, `12 min`, `3.5 h`: as long as it takes to read. */
export function lasting(ms: number): string {
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}
