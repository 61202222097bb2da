/**
 * How long servers, files and the reader of the log are left alone.
 *
 * @module
 */

/** What comes sooner after the last is of the same burst. */
const BURST_MS = 600_000;
/** What no server has is asked for again after `cache_miss_s`, then twice that, up to this. */
const MAX_MISS_MS = 86_400_000;

/** How long to rest after no server had a file for the nth time, when a client of users would for `missMs`. */
export function missRestMs(missMs: number, misses: number): number {
  return Math.max(missMs, Math.min(MAX_MISS_MS, missMs * 2 ** Math.min(30, misses - 1)));
}

/** How long to wait after so many failures, at least 1; with a share of chance, so that a fleet does not ask at once. */
export function pauseMs(failures: number, { firstMs, maxMs }: { firstMs: number; maxMs: number }): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(30, failures - 1)) * (0.5 + Math.random() / 2);
}

/** Tells the first of a burst of messages from the others. */
export class Loudness {
  readonly #clock: () => number;
  #last = -Infinity;

  /** @param clock in ms */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** How loud the next one is. */
  level(): "warn" | "debug" {
    const goesOn = this.#clock() - this.#last < BURST_MS;
    this.#last = this.#clock();
    return goesOn ? "debug" : "warn";
  }
}
