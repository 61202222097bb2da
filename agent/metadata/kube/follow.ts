/**
 * Keeps asking a server that may be away, slow or wrong.
 *
 * @module
 */

import { delay } from "@std/async/delay";

export interface FollowOptions {
  /**
   * Asks once; for a watch, until it ends. It calls `progress` when the server has shown that it works, upon which
   * the next failure is again the first.
   */
  readonly round: (context: { signal: AbortSignal; progress: () => void }) => Promise<void>;
  /** It waits this long after a round that went well, in ms. */
  readonly restMs: number;
  /** After the first failure, in ms; twice as long after each further one. @default {1000} */
  readonly backoffMs?: number;
  /** At most, in ms. @default {30000} */
  readonly maxBackoffMs?: number;
  /** From 0 to 1: the agents of a thousand nodes must not come back all at once. @default {Math.random} */
  readonly random?: () => number;
  /** Is told what went wrong, and how many times in a row by now. */
  readonly onFailure: (error: Error, failures: number) => void;
}

/** Repeats a round until it is disposed of. */
export class Follower implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #options: FollowOptions;
  readonly #done: Promise<void>;
  #wake = new AbortController();
  #failures = 0;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Ends the rest after a round that went well; failures are waited out all the same. */
  nudge(): void {
    if (this.#failures === 0) this.#wake.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { round, onFailure, restMs } = this.#options;
    const progress = () => {
      this.#failures = 0;
    };
    while (!signal.aborted) {
      let pause = restMs;
      try {
        await round({ signal, progress });
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        onFailure(error as Error, ++this.#failures);
        pause = this.#backoff();
      }
      this.#wake = new AbortController();
      if (signal.aborted) return;
      await delay(pause, { signal: this.#wake.signal }).catch(() => {});
    }
  }

  #backoff(): number {
    const { backoffMs = 1000, maxBackoffMs = 30_000, random = Math.random } = this.#options;
    return Math.min(maxBackoffMs, backoffMs * 2 ** (this.#failures - 1)) * (0.5 + random() / 2);
  }
}

/**
 * Runs `work` with a signal that aborts with `signal` and after `ms`.
 *
 * @throws {Deno.errors.TimedOut} after `ms`
 */
export async function within<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  { signal }: { signal: AbortSignal },
): Promise<T> {
  // Not AbortSignal.any(): what it gives may be collected as garbage while it is still waited on.
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  const timer = setTimeout(() => own.abort(new Deno.errors.TimedOut(`No answer within ${ms} ms`)), ms);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await work(own.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
