// SPDX-License-Identifier: Apache-2.0
/**
 * The windows of walks, by the numbers with which programs mark the pages that they use.
 *
 * @module
 */

/** What was not used for so long is cold. */
const COLD_MS = 120_000;

export interface WalkWindowsOptions {
  /** Tells the programs a number. */
  readonly tell: (window: number) => void;
  /** Returns the time in ms. @default {performance.now} */
  readonly clock?: () => number;
}

/**
 * Numbers what of walks is told apart by time. A window of the agent may have several numbers, one after another, as
 * programs remember what they found under one for as long as that is the newest.
 */
export class WalkWindows {
  readonly #tell: (window: number) => void;
  readonly #clock: () => number;
  #now = 0;
  /** The numbers at which windows of the agent began, and when, of those of the last two minutes and one before. */
  readonly #begun: { window: number; ms: number }[] = [];

  constructor({ tell, clock = () => performance.now() }: WalkWindowsOptions) {
    this.#tell = tell;
    this.#clock = clock;
    this.end();
  }

  /** Returns the newest number. */
  get now(): number {
    return this.#now;
  }

  /** Returns the first number of the agent's window. */
  get since(): number {
    return this.#begun.at(-1)!.window;
  }

  /** Returns the number below which are those of windows that were over long ago. */
  get coldBefore(): number {
    return this.#begun[0]!.window;
  }

  /** Returns the time in ms. */
  get ms(): number {
    return this.#clock();
  }

  /** From now on programs look anew for what they found before. */
  next(): void {
    this.#tell(++this.#now);
  }

  /** Ends a window of the agent, and begins another. */
  end(): void {
    this.next();
    const ms = this.#clock();
    this.#begun.push({ window: this.#now, ms });
    while (this.#begun.length > 1 && ms - this.#begun[1]!.ms >= COLD_MS) this.#begun.shift();
  }
}
