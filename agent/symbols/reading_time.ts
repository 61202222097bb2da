// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds how long files may be read in one window, and at the end of a run.
 *
 * @module
 */

/** Time for reading; what is begun in it is read to its end. */
export class ReadingTime {
  readonly #ms: number;
  readonly #clock: () => number;
  #left: number;
  #until = Infinity;

  /** @param ms may be spent in a window; `clock` returns the time in ms */
  constructor(ms: number, clock: () => number) {
    this.#ms = this.#left = ms;
    this.#clock = clock;
  }

  /** Tells that nothing more may be read in this window. */
  get isOver(): boolean {
    return this.#left <= 0 || this.hasEnded;
  }

  /** Tells that there is an end after which nothing is read any more, to come or past. */
  get isEnding(): boolean {
    return this.#until !== Infinity;
  }

  /** Tells that this end is past. */
  get hasEnded(): boolean {
    return this.isEnding && this.#clock() >= this.#until;
  }

  /** Counts what `read` takes. */
  spend<T>(read: () => T): T {
    const begun = this.#clock();
    try {
      return read();
    } finally {
      this.#left -= this.#clock() - begun;
    }
  }

  /** Gives the next window its time. */
  renew(): void {
    this.#left = this.#ms;
  }

  /** Ends it for good in `ms` from now on. */
  endIn(ms: number): void {
    this.#until = Math.min(this.#until, this.#clock() + ms);
  }

  /** Returns for how many of `ms` something may be waited for. */
  within(ms: number): number {
    return !this.isEnding ? ms : Math.max(0, Math.min(ms, this.#until - this.#clock()));
  }
}
