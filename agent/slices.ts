// SPDX-License-Identifier: Apache-2.0
/**
 * Long work in slices, between which timers and what was read get their turn.
 *
 * @module
 */

import type { Pieces } from "../common/pieces.ts";

/** So much later than it is due a drain may begin because of work that is under way. */
const SLICE_MS = 10;
/** Where others took longer than that before a slice, it is as long, up to this: else the work would never end. */
const MAX_SLICE_MS = 100;
/** The clock is looked at once in so many pieces at most, for most of them take less time than that does. */
const PIECES = 16;
/** Pieces are few where those up to a look took longer than that: a stack that nobody had takes milliseconds to name. */
const LOOK_MS = 1;

/** @example `for (const row of rows) { if (slices.due) await slices.rest(); … }` */
export class Slices {
  readonly #clock: () => number;
  #begin: number;
  #lengthMs = SLICE_MS;
  #lookedAt: number;
  /** The clock is looked at after so many pieces, of which so many are left. */
  #pieces = 0;
  #left = 1;

  /** @param clock in ms */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#begin = this.#lookedAt = clock();
  }

  /** Is true when the slice is over. To be asked before each piece of the work. */
  get due(): boolean {
    if (--this.#left > 0) return false;
    const now = this.#clock();
    this.#left = this.#pieces = now - this.#lookedAt > LOOK_MS ? 1 : Math.min(PIECES, this.#pieces + 1);
    this.#lookedAt = now;
    return now - this.#begin >= this.#lengthMs;
  }

  /** Does work that comes in pieces, which take longer than a look at the clock. */
  async do<Result>(work: Pieces<Result>): Promise<Result> {
    for (;;) {
      const step = work.next();
      if (step.done) return step.value;
      if (this.#clock() - this.#begin >= this.#lengthMs) await this.rest();
    }
  }

  /** Lets others go first, then begins another slice. */
  async rest(): Promise<void> {
    const end = this.#clock();
    await new Promise((resolve) => setTimeout(resolve));
    this.#begin = this.#lookedAt = this.#clock();
    this.#lengthMs = Math.min(MAX_SLICE_MS, Math.max(SLICE_MS, this.#begin - end));
  }
}
