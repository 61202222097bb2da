// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps asking a server that may be away, slow or wrong.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { backoffMs, type BackoffOptions } from "../../../common/backoff.ts";

const BACKOFF: BackoffOptions = { firstMs: 1000, maxMs: 30_000 };

export interface FollowOptions {
  /**
   * Asks once; for a watch, until it ends. It calls `progress` when the server has shown that it works, upon which
   * the next failure is again the first.
   */
  readonly round: (context: { signal: AbortSignal; progress: () => void }) => Promise<void>;
  /** It waits this long after a round that went well, in ms. */
  readonly restMs: number;
  /** The pauses after failures. @default {from 1 s to 30 s} */
  readonly backoff?: BackoffOptions;
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
    const { round, onFailure, restMs, backoff = BACKOFF } = this.#options;
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
        pause = backoffMs(this.#failures, backoff);
      }
      this.#wake = new AbortController();
      if (signal.aborted) return;
      await delay(pause, { signal: this.#wake.signal }).catch(() => {});
    }
  }
}
