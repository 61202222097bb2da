// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds how many do something at once: the others wait for their turn.
 *
 * @module
 */

/** Is thrown when too many wait already, or one has waited too long: ask again later. */
export class OverloadedError extends Error {
  override name = "OverloadedError";
}

export interface TurnLimits {
  /** So many have a turn at once. */
  readonly atOnce: number;
  /** So many more wait. */
  readonly waiting: number;
  /** They wait so long at most, in ms. @default {Infinity} */
  readonly waitMs?: number;
}

/** Gives turns in the order of asking. */
export class Turns {
  readonly #limits: TurnLimits;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Counts those that have a turn. */
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
   * @throws {OverloadedError} when too many wait, or it took too long
   */
  async take(signal: AbortSignal): Promise<Disposable> {
    const { atOnce, waiting, waitMs = Infinity } = this.#limits;
    signal.throwIfAborted();
    if (this.#running < atOnce) this.#running++;
    else if (this.#waiting.size >= waiting) throw this.#tooMany();
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
    const timer = ms === Infinity ? undefined : setTimeout(() => leave(this.#tooMany()), ms);
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

  #tooMany(): OverloadedError {
    return new OverloadedError(
      `Cannot take more questions: ${this.#running} run and ${this.#waiting.size} wait`,
    );
  }
}
