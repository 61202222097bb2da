// SPDX-License-Identifier: Apache-2.0
/**
 * Says when pages may be loaded that nobody has missed yet.
 *
 * @module
 */

/** After a look that found nothing to load, the next one is so many ms later. */
const EMPTY_MS = 200;

/** The pages of a turn while nobody waits for samples, and while somebody does. */
const [MANY, FEW] = [64, 16];

/** All the time for a while, or from some time on for a part of the time. */
export class AheadPace {
  readonly #clock: () => number;
  #until = -Infinity;
  #share = 0;
  #notBefore = -Infinity;

  /** @param options.clock in ms @default {performance.now} */
  constructor({ clock = () => performance.now() }: { clock?: () => number } = {}) {
    this.#clock = clock;
  }

  /** Lets it be for so many ms from now on. */
  allow(ms: number): void {
    this.#until = this.#clock() + ms;
  }

  /** Lets it be from now on for this part of the time, above 0 and up to 1. */
  keep(share: number): void {
    this.#share = share;
  }

  /** Tells whether it may be now. */
  get due(): boolean {
    const now = this.#clock();
    return now < this.#until || (this.#share > 0 && now >= this.#notBefore);
  }

  /** Returns how many pages may be loaded in one turn. */
  get most(): number {
    return this.#clock() < this.#until ? MANY : FEW;
  }

  /** Call after pages were loaded, with the time that it took, in ms. */
  took(ms: number): void {
    if (this.#share > 0) this.#notBefore = this.#clock() + ms * (1 / this.#share - 1);
  }

  /** Call where there was nothing to load. */
  foundNothing(): void {
    this.#notBefore = this.#clock() + EMPTY_MS;
  }
}
