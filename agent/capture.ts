// SPDX-License-Identifier: Apache-2.0
/**
 * Looks closer for a while when the aggregator asks for it, as far as this agent may: at a higher frequency, and with all
 * labels of pods.
 *
 * @module
 */

/** Is what the aggregator asks for: samples a second and CPU, for so many seconds from now on. */
export interface CaptureRequest {
  readonly frequency: number;
  readonly seconds: number;
}

export interface CaptureOptions {
  /** Is the frequency at other times. */
  readonly freq: number;
  /** The aggregator may ask for this at most; without it, for nothing. */
  readonly maxFreq?: number | undefined;
  /** Tells the time in ms. @default {performance.now} */
  readonly clock?: () => number;
}

export interface CaptureStats {
  /** Counts requests that began one. */
  readonly begun: number;
  /** Counts requests that could not be met: it is not allowed, or there were enough in the last hour. */
  readonly refused: number;
  /** Is the frequency now. */
  readonly frequency: number;
}

/** One lasts at most so long, and so long in an hour, in ms. */
const MAX_MS = 600_000;
/** What was spent comes back in this part of the time that passes. */
const REFILL = MAX_MS / 3_600_000;

/** Decides at which frequency to sample. */
export class Captures {
  readonly #freq: number;
  readonly #maxFreq: number | undefined;
  readonly #clock: () => number;
  #left = MAX_MS;
  #lookedAt: number;
  #untilMs = 0;
  #frequency: number;
  #begun = 0;
  #refused = 0;

  constructor({ freq, maxFreq, clock = () => performance.now() }: CaptureOptions) {
    this.#freq = freq;
    this.#maxFreq = maxFreq;
    this.#clock = clock;
    this.#frequency = freq;
    this.#lookedAt = clock();
  }

  get stats(): CaptureStats {
    return { begun: this.#begun, refused: this.#refused, frequency: this.#frequency };
  }

  /** Takes a request: one that is under way goes on for as long as is asked now. */
  ask({ frequency, seconds }: CaptureRequest): void {
    this.#look();
    const wanted = Math.min(frequency, this.#maxFreq ?? 0);
    if (wanted <= this.#freq || seconds <= 0 || this.#left <= 0) {
      this.#refused++;
      return;
    }
    if (this.#frequency === this.#freq) this.#begun++;
    this.#frequency = wanted;
    this.#untilMs = this.#clock() + Math.min(seconds * 1000, MAX_MS);
  }

  /** Returns the frequency to sample at from now on. */
  frequency(): number {
    this.#look();
    return this.#frequency;
  }

  /** Counts what was spent, and ends what is over. */
  #look(): void {
    const now = this.#clock();
    const passed = now - this.#lookedAt;
    this.#lookedAt = now;
    const active = this.#frequency !== this.#freq;
    this.#left = Math.min(MAX_MS, this.#left + passed * (active ? -1 : REFILL));
    if (active && (now >= this.#untilMs || this.#left <= 0)) this.#frequency = this.#freq;
  }
}
