// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds how many questions storage works on at once, and lets identical ones share one run.
 *
 * @module
 */

import { Turns } from "../turns.ts";

export interface AdmissionOptions {
  /** So many questions run at once. @default {4} */
  readonly concurrent?: number;
  /** So many questions wait for their turn; more are refused. @default {64} */
  readonly waiting?: number;
}

/** More at once make none of them faster. */
const CONCURRENT = 4;

/** Returns how many questions run at once in an engine that has `cpus`, which what is written needs, too. */
export function questionsAtOnce(cpus: number): number {
  return Math.min(Math.max(cpus, 2), CONCURRENT);
}

/**
 * Returns how many threads of an engine that has `cpus` a question gets: all while one request is answered, which asks for
 * what it answers and for what was lost meanwhile; else they share.
 */
export function threadsOf(
  cpus: number,
  { running, waiting }: Pick<Admission, "running" | "waiting">,
): number {
  const share = Math.floor(2 * cpus / Math.max(running + waiting, 1));
  return Math.min(Math.max(share, 1), cpus);
}

/** Is a run, and who waits for it. */
interface Run {
  readonly result: Promise<unknown>;
  readonly controller: AbortController;
  waiters: number;
}

/** Lets questions in. */
export class Admission {
  readonly #turns: Turns;
  readonly #runs = new Map<string, Run>();

  constructor({ concurrent = CONCURRENT, waiting = 64 }: AdmissionOptions = {}) {
    this.#turns = new Turns({ atOnce: concurrent, waiting });
  }

  /** Counts the questions that run. */
  get running(): number {
    return this.#turns.running;
  }

  /** Counts those that wait for their turn. */
  get waiting(): number {
    return this.#turns.waiting;
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
    using _turn = await this.#turns.take(signal);
    signal.throwIfAborted();
    return await ask(signal);
  }
}
