// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds how many questions storage works on at once, and lets identical ones share one run.
 *
 * @module
 */

export interface AdmissionOptions {
  /** So many questions run at once. @default {4} */
  readonly concurrent?: number;
  /** So many questions wait for their turn; more are refused. @default {64} */
  readonly waiting?: number;
}

/** Is thrown when too many questions wait already: ask again later. */
export class OverloadedError extends Error {
  override name = "OverloadedError";
}

/** Is a run, and who waits for it. */
interface Run {
  readonly result: Promise<unknown>;
  readonly controller: AbortController;
  waiters: number;
}

/** Lets questions in. */
export class Admission {
  readonly #concurrent: number;
  readonly #waiting: number;
  readonly #queue: (() => void)[] = [];
  readonly #runs = new Map<string, Run>();
  #running = 0;

  constructor({ concurrent = 4, waiting = 64 }: AdmissionOptions = {}) {
    this.#concurrent = concurrent;
    this.#waiting = waiting;
  }

  /** Counts the questions that run, and that wait. */
  get stats(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running, waiting: this.#queue.length };
  }

  /**
   * Runs `ask`, or waits for the run that was begun with the same `key`. The signal that `ask` is given aborts once all
   * who wait for it have gone.
   *
   * @throws {OverloadedError} when too many wait already
   */
  async run<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const run = this.#runs.get(key) ?? this.#begin(key, ask);
    run.waiters++;
    const { promise: gone, reject } = Promise.withResolvers<never>();
    const leave = () => reject(signal!.reason);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([run.result as Promise<T>, gone]);
    } finally {
      signal?.removeEventListener("abort", leave);
      if (--run.waiters === 0) {
        // Who asks the same from now on begins anew.
        if (this.#runs.get(key) === run) this.#runs.delete(key);
        run.controller.abort(signal?.reason);
      }
    }
  }

  #begin<T>(key: string, ask: (signal: AbortSignal) => Promise<T>): Run {
    const controller = new AbortController();
    const result = this.#inTurn(ask, controller.signal).finally(() => {
      if (this.#runs.get(key) === run) this.#runs.delete(key);
    });
    // Who has gone does not hear of it.
    result.catch(() => {});
    const run: Run = { result, controller, waiters: 0 };
    this.#runs.set(key, run);
    return run;
  }

  async #inTurn<T>(ask: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#running >= this.#concurrent) {
      if (this.#queue.length >= this.#waiting) {
        throw new OverloadedError(
          `Cannot take more questions: ${this.#running} run and ${this.#queue.length} wait`,
        );
      }
      await this.#turn(signal);
    } else this.#running++;
    try {
      signal.throwIfAborted();
      return await ask(signal);
    } finally {
      // The place goes to the next one without being free in between.
      const next = this.#queue.shift();
      if (next) next();
      else this.#running--;
    }
  }

  /** Waits for a place; who goes leaves the queue. */
  #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const enter = () => {
      signal.removeEventListener("abort", leave);
      resolve();
    };
    const leave = () => {
      const at = this.#queue.indexOf(enter);
      if (at >= 0) this.#queue.splice(at, 1);
      reject(signal.reason);
    };
    this.#queue.push(enter);
    signal.addEventListener("abort", leave, { once: true });
    return promise;
  }
}
