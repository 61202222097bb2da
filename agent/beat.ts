// SPDX-License-Identifier: Apache-2.0
/**
 * Times at which all that looks again and again does so: to wake a process that sleeps costs more than most looks.
 *
 * @module
 */

/**
 * Returns the ms until the next multiple of `ms` on the clock that all in this process have, so that looks of several at
 * the same distance wake it once.
 */
export function untilBeat(ms: number, now: number = performance.now()): number {
  return ms - Math.floor(now) % ms;
}
