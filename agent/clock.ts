// SPDX-License-Identifier: Apache-2.0
/**
 * The two clocks of a machine: one that only goes on, for intervals, and the one that people set, for stamps.
 *
 * @module
 */

/** Gives both times in milliseconds, with a fraction. */
export interface Clock {
  /** Returns the time in ms from any point; it is never set. */
  monotonic(): number;
  /** Returns Unix time. NTP or a resumed machine may set it. */
  wall(): number;
}

/** `performance.timeOrigin` stays what it was at the start, so that it cannot be added to for the time of day. */
export const MACHINE_CLOCK: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};

/** Holds both times of one moment, in ms. */
export interface Moment {
  readonly monotonic: number;
  /** Unix time. */
  readonly wall: number;
}

/** Returns this moment. */
export function momentOf(clock: Clock = MACHINE_CLOCK): Moment {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}

/** What slewing a clock does between two windows, or a reading of both that was interrupted, is no step. */
const LEAST_STEP_MS = 1000;

/** Says between which times a window lies, in Unix milliseconds. */
export interface Stamps {
  readonly start: number;
  readonly end: number;
  /** The wall clock was set by so many ms meanwhile; negative where it was set back. */
  readonly stepMs?: number;
}

/** Stamps windows that follow each other. */
export class WindowStamps {
  readonly #clock: Clock;
  #monotonic: number;
  #wall: number;

  /** @param begun the first window's begin @default {now} */
  constructor(clock: Clock, begun: Moment = momentOf(clock)) {
    this.#clock = clock;
    this.#monotonic = begun.monotonic;
    this.#wall = begun.wall;
  }

  /**
   * Ends the window: no time is between it and the last one, unless the wall clock was set. Then it lies before the
   * new time, as long as it truly was.
   */
  end(): Stamps {
    const monotonic = this.#clock.monotonic();
    const wall = this.#clock.wall();
    const lasted = monotonic - this.#monotonic;
    const stepMs = wall - this.#wall - lasted;
    const stepped = Math.abs(stepMs) >= LEAST_STEP_MS;
    const start = stepped ? wall - lasted : this.#wall;
    // A window has a length, even where the clock was slewed back over a short one.
    const end = Math.max(wall, start + 0.001);
    this.#monotonic = monotonic;
    this.#wall = end;
    return { start, end, ...stepped && { stepMs } };
  }
}
