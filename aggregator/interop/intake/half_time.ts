// SPDX-License-Identifier: Apache-2.0
/**
 * Shares the one thread between agents, for whom the aggregator is there, and what others push.
 *
 * @module
 */

import { delay } from "@std/async/delay";

export interface HalfTimeOptions {
  /** Tells the time in ms. @default {performance.now} */
  readonly now?: () => number;
  /** @default {delay} */
  readonly sleep?: (ms: number) => Promise<void>;
}

/** A piece of work that took longer is not paid for by a longer rest, in ms. */
const LONGEST_MS = 2000;

/**
 * Runs pieces of work one after the other, and rests after each for as long as it took: however much is pushed, half of
 * the time is for others.
 */
export class HalfTime {
  readonly #now: () => number;
  readonly #sleep: (ms: number) => Promise<void>;
  #last: Promise<unknown> = Promise.resolve();
  /** Is when the last piece's rest is over. */
  #restedAt = -Infinity;

  constructor({ now = () => performance.now(), sleep = delay }: HalfTimeOptions = {}) {
    this.#now = now;
    this.#sleep = sleep;
  }

  /** Runs `work` once those before it, and their rests, are over. Whoever waits for it does not wait for its rest. */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = done.promise;
    await before;
    // Only who comes next rests: where nobody does, no timer is left behind.
    const rest = this.#restedAt - this.#now();
    if (rest > 0) await this.#sleep(rest);
    const started = this.#now();
    try {
      return await work();
    } finally {
      const ended = this.#now();
      this.#restedAt = ended + Math.min(ended - started, LONGEST_MS);
      done.resolve();
    }
  }
}
