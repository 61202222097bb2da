// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds how many questions are answered at once: the others wait for their turn, for a while.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { HttpError } from "./errors.ts";

/** Names who wait for each other. */
export type TurnName = "question" | "export" | "ingest" | "upload";

export interface TurnLimits {
  /** So many are answered at once, until the answer was read. */
  readonly atOnce: number;
  /** So many more wait. */
  readonly waiting: number;
  /** They wait so long at most, in ms. */
  readonly waitMs: number;
}

/** Gives turns in the order of asking. */
export class Turns {
  readonly #limits: TurnLimits;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Counts those that are answered. */
  get running(): number {
    return this.#running;
  }

  /** Counts those that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for a turn, which lasts until it is disposed of.
   *
   * @throws {HttpError} 429 when too many wait, or it took too long
   */
  async take(signal: AbortSignal): Promise<Disposable> {
    const { atOnce, waiting, waitMs } = this.#limits;
    signal.throwIfAborted();
    if (this.#running < atOnce) this.#running++;
    else if (this.#waiting.size >= waiting) throw tooMany();
    else await this.#wait(waitMs, signal);
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (!over) this.#give();
        over = true;
      },
    };
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const turn = () => resolve();
    const leave = (reason: unknown) => {
      // Who has a turn already does not leave.
      if (this.#waiting.delete(turn)) reject(reason);
    };
    const gone = () => leave(signal.reason);
    const timer = setTimeout(() => leave(tooMany()), ms);
    signal.addEventListener("abort", gone, { once: true });
    this.#waiting.add(turn);
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", gone);
    });
  }

  #give(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

function tooMany(): HttpError {
  return new HttpError(
    STATUS_CODE.TooManyRequests,
    "Too many questions are asked at once: ask again in a moment",
    {
      headers: { "retry-after": "5" },
    },
  );
}
