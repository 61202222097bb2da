// SPDX-License-Identifier: Apache-2.0
/**
 * Decides how often it is looked whether a map fills: each look wakes a process that else sleeps, which costs far more
 * than the look itself.
 *
 * @module
 */

/** A set is emptied when a map of it is so full. What it then has room for must last until the other one is empty. */
export const WATERMARK = 0.4;
/** Looks are so far apart at most, but for maps that fill no faster than is known. */
const MOST_MS = 50;
const MOST_SLOW_MS = 1000;
/** They are so far apart at least. */
const LEAST_MS = 10;
/** It may fill so many times as fast as it did from the last look to this one. */
const HURRY = 8;
/** From one look to the next so much of such a map fills at most. */
const SLOW_SHARE = 0.2;

/** Looks at the maps of one collector. */
export class FillPace {
  readonly #mostMs: number;
  #fill = 0;
  #at: number | undefined;

  /** @param fillsInMs an empty map is full after so many ms at the earliest; `undefined` where that is not known */
  constructor(fillsInMs = 0) {
    this.#mostMs = Math.max(MOST_MS, Math.min(MOST_SLOW_MS, SLOW_SHARE * fillsInMs));
  }

  /**
   * Returns the ms until the next look.
   *
   * @param fill of the fullest map now, from 0 to 1
   * @param now in ms
   */
  next(fill: number, now: number): number {
    // A set that was drained since began empty.
    const grown = fill < this.#fill ? fill : fill - this.#fill;
    const rate = this.#at === undefined ? 0 : grown / Math.max(1, now - this.#at);
    this.#fill = fill;
    this.#at = now;
    const ms = (WATERMARK - fill) / (HURRY * rate);
    return rate === 0 ? this.#mostMs : Math.max(LEAST_MS, Math.min(this.#mostMs, ms));
  }
}
