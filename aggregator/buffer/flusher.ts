// SPDX-License-Identifier: Apache-2.0
/**
 * Takes groups of batches from the staging buffer to storage.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { backoffMs } from "../../common/backoff.ts";
import { settledWithin } from "../../common/timeout.ts";
import { Burst } from "../../common/log.ts";
import type { StagedGroup } from "./entry.ts";
import { RefusedError, type Sink, type StoredBatch, type Written } from "./sink.ts";
import type { StagingBuffer } from "./staging_buffer.ts";

/** Says since when storage does not take what is staged. */
export interface Failing {
  /** Is the time, in Unix ms, of the first failure since the last success. */
  readonly sinceMs: number;
  /** Is what the last failure said. */
  readonly error: string;
  readonly failures: number;
}

/** Takes what the flusher counts. */
export interface FlushMetrics {
  /** Is told that a group was written. */
  flushed(rows: number, seconds: number): void;
  /** Is told that a group was not written; it will be tried again. */
  flushFailed(seconds: number): void;
  /** Is told that a staged batch was dropped as it could not be read any more. */
  dropped(): void;
  /** Is told that a batch was set aside, as storage refuses what is in it. */
  quarantined(): void;
  /** Is told that the batches of a group are in storage, each so many seconds after its window's end. */
  stored(batches: readonly StoredBatch[]): void;
}

export interface FlusherOptions {
  buffer: StagingBuffer;
  sink: Sink;
  metrics?: FlushMetrics | undefined;
  /** Two looks into the buffer are so far apart. @default {1000} */
  intervalMs?: number;
  /** A group has at most so many; so many in the buffer are flushed at once. @default {500} */
  maxBatches?: number;
  /** A group has at most so many; so many in the buffer are flushed at once. @default {33554432} */
  maxBytes?: number;
  /** The pause is so long after the first failure; it doubles with each that follows. @default {500} */
  retryMs?: number;
  /** @default {30000} */
  maxRetryMs?: number;
  /** Gives a number from 0 to 1. @default {Math.random} */
  random?: () => number;
  /** Tells the time in Unix ms. @default {Date.now} */
  clock?: () => number;
  /** Is called when a group was not written, with what is known since the last success. */
  onFailure?: (error: unknown, failing: Failing) => void;
}

const FAILED = "failed";
/** So often a batch that storage has no memory or time for is put off, while it takes others. */
const MAX_TRIES = 3;

/**
 * Flushes every so often from {@linkcode Flusher.start} to {@linkcode Flusher.stop}. When storage fails, the
 * batches stay in the buffer and are tried again, ever less often.
 */
export class Flusher {
  readonly #options: Required<Omit<FlusherOptions, "metrics">>;
  readonly #metrics: FlushMetrics | undefined;
  readonly #logger = getLogger(["aperture", "flusher"]);
  readonly #burst = new Burst(this.#logger);
  readonly #stopping = new AbortController();
  #failing: Failing | undefined;
  #loop: Promise<void> = Promise.resolve();
  /** Writes go one group at a time. */
  #last: Promise<void> = Promise.resolve();

  constructor({ metrics, ...options }: FlusherOptions) {
    this.#metrics = metrics;
    this.#options = {
      intervalMs: 1000,
      maxBatches: 500,
      maxBytes: 2 ** 25,
      retryMs: 500,
      maxRetryMs: 30_000,
      random: Math.random,
      clock: Date.now,
      onFailure: () => {},
      ...options,
    };
  }

  /** Says since when storage fails; `undefined` while it does not. */
  get failing(): Failing | undefined {
    return this.#failing;
  }

  /** Begins to flush. */
  start(): void {
    this.#loop = this.#run();
  }

  /**
   * Writes all that is in the buffer.
   *
   * @throws what the sink or the buffer threw; what was not written stays
   */
  flushNow(): Promise<void> {
    return this.#inTurn(() => this.#flush({ all: true }));
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const flush = this.#last.catch(() => {}).then(run);
    // Whoever called handles it; the next flush only waits for it.
    this.#last = flush.catch(() => {});
    return flush;
  }

  /**
   * Stops flushing, after a last attempt to write what is there that takes at most `deadlineMs`.
   *
   * @param deadlineMs @default {10000}
   * @returns how many batches are left in the buffer
   */
  async stop({ deadlineMs = 10_000 }: { deadlineMs?: number } = {}): Promise<{ left: number }> {
    this.#stopping.abort();
    const last = this.#loop.then(() => this.flushNow()).catch((error) => this.#warn(error));
    await settledWithin(deadlineMs, last);
    return { left: this.#options.buffer.staged };
  }

  async #run(): Promise<void> {
    while (true) {
      await this.#pause(this.#failing?.failures ?? 0);
      if (this.#stopping.signal.aborted) return;
      try {
        await this.#inTurn(() => this.#flush({ all: false }));
      } catch (error) {
        this.#warn(error);
      }
    }
  }

  /** Waits until it is time, the buffer holds a group's worth (which means nothing after a failure), or the end. */
  async #pause(failures: number): Promise<void> {
    const { buffer, intervalMs, retryMs, maxRetryMs, random } = this.#options;
    const { signal } = this.#stopping;
    const { promise, resolve } = Promise.withResolvers<void>();
    const backoff = backoffMs(failures, { firstMs: retryMs, maxMs: maxRetryMs, random });
    const timer = setTimeout(resolve, failures === 0 ? intervalMs : backoff);
    const look = () => {
      if (this.#isFull()) resolve();
    };
    if (failures === 0) {
      buffer.onStaged = look;
      look();
    }
    const end = () => resolve();
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) resolve();
    await promise;
    // The signal lives as long as the flusher: what listens to it must not add up.
    signal.removeEventListener("abort", end);
    clearTimeout(timer);
    buffer.onStaged = () => {};
  }

  /** Returns whether there is a group's worth. */
  #isFull(): boolean {
    const { buffer, maxBatches, maxBytes } = this.#options;
    // One that can be taken must be there, else the loop would spin while the first are being staged.
    return buffer.staged >= maxBatches || (buffer.staged > 0 && buffer.bytes >= maxBytes);
  }

  /**
   * Writes groups until there is less than a group's worth; with `all`, until there is nothing. What comes meanwhile
   * would else be written in groups of a few, of which each costs storage as much as one of a hundred.
   */
  async #flush({ all }: { all: boolean }): Promise<void> {
    const { buffer, maxBatches, maxBytes } = this.#options;
    try {
      for (let group; (group = await buffer.takeGroup({ maxBatches, maxBytes }));) {
        const written = await this.#write(group);
        if (!written) continue;
        await buffer.complete(group);
        this.#metrics?.stored(written.stored);
        // Not before: a group may be tried many times.
        for (const why of written.unreadable) this.#drop(why);
        this.#succeeded();
        if (!all && !buffer.hasGroups && !this.#isFull()) return;
      }
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Returns what was written once all of the group is in storage; else it was halved, put off or set aside. */
  async #write(group: StagedGroup): Promise<Written | undefined> {
    const { token, skip } = group;
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    const batches = group.batches.map(({ head: { agentId, sequence, receivedMs }, bytes }) => {
      return { agentId, sequence, receivedMs, bytes };
    });
    try {
      const written = await this.#options.sink.write({ token, skip, batches });
      const { rows, stored } = written;
      if (stored.length > 0) this.#metrics?.flushed(rows, seconds());
      this.#logger.debug("Wrote {batches} batches, {rows} rows", { batches: stored.length, rows });
      return written;
    } catch (error) {
      this.#metrics?.flushFailed(seconds());
      if (!(error instanceof RefusedError)) throw error;
      await this.#onRefused(group, error);
      return undefined;
    }
  }

  #drop(why: string): void {
    this.#metrics?.dropped();
    this.#burst.warn("dropped", why);
  }

  /** Keeps what is good in a group apart from what is not. */
  async #onRefused(group: StagedGroup, error: RefusedError): Promise<void> {
    const { buffer } = this.#options;
    if (group.size > 1) {
      this.#burst.warn("halved", `Storage refused ${group.size} batches, which are halved: ${error.message}`);
      return await buffer.halve(group, { skip: error.written });
    }
    // While others are not taken either, it is not known to be the batch's fault.
    if (!error.content && (this.#failing || group.tries < MAX_TRIES)) {
      await buffer.postpone(group);
      throw error;
    }
    const { agentId, sequence } = group.batches[0]!.head;
    await buffer.quarantine(group, error.message);
    this.#metrics?.quarantined();
    this.#burst.warn(
      "quarantined",
      `Set batch ${sequence} of agent '${agentId}' aside, as storage refuses what is in it: ${error.message}`,
    );
  }

  #succeeded(): void {
    if (this.#failing) this.#logger.info("Storage takes batches again");
    this.#failing = undefined;
    this.#burst.clear(FAILED);
  }

  #failed(error: unknown): void {
    const { clock, onFailure } = this.#options;
    const { sinceMs = clock(), failures = 0 } = this.#failing ?? {};
    const message = error instanceof Error ? error.message : String(error);
    this.#failing = { sinceMs, failures: failures + 1, error: message };
    onFailure(error, this.#failing);
  }

  #warn(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    const { staged } = this.#options.buffer;
    const since = this.#failing ? ` since ${new Date(this.#failing.sinceMs).toISOString()}` : "";
    this.#burst.warn(FAILED, `Cannot write to storage${since}, ${staged} batches wait in the buffer: ${why}`);
  }
}
