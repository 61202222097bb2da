/**
 * Takes groups of batches from the staging buffer to storage.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { backoffMs } from "../../common/backoff.ts";
import { settledWithin } from "../../common/timeout.ts";
import { Burst } from "../../common/log.ts";
import type { Batch } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import type { StagedBatch, StagingBuffer } from "./staging_buffer.ts";

/** A batch with the time, in Unix ms, at which it was staged. */
export type ReceivedBatch = Batch & { readonly receivedMs: number };

/** Where groups go. */
export interface Sink {
  /**
   * Writes all of `batches`. It may be called again with the same token and the same batches, when it is not
   * known whether the first call succeeded, and must not write a row twice then.
   */
  write(group: { token: string; batches: readonly ReceivedBatch[] }): Promise<{ rows: number }>;
}

/** What the flusher counts. */
export interface FlushMetrics {
  /** A group was written. */
  flushed(rows: number, seconds: number): void;
  /** A group was not written; it will be tried again. */
  flushFailed(seconds: number): void;
  /** A staged batch was dropped as it could not be read any more. */
  dropped(): void;
}

export interface FlusherOptions {
  buffer: StagingBuffer;
  sink: Sink;
  metrics?: FlushMetrics | undefined;
  /** Between two looks into the buffer. @default {1000} */
  intervalMs?: number;
  /** In one group; so many in the buffer are flushed at once. @default {500} */
  maxBatches?: number;
  /** In one group; so many in the buffer are flushed at once. @default {33554432} */
  maxBytes?: number;
  /** After the first failure; it doubles with each that follows. @default {500} */
  retryMs?: number;
  /** @default {30000} */
  maxRetryMs?: number;
  /** From 0 to 1. @default {Math.random} */
  random?: () => number;
}

const FAILED = "failed";
/** After so many bytes others have their turn on the event loop: some 5 ms of decoding. */
const YIELD_BYTES = 2 ** 21;

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
  #loop: Promise<void> = Promise.resolve();
  /** One group at a time. */
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
      ...options,
    };
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
    const flush = this.#last.catch(() => {}).then(() => this.#flushAll());
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
    let failures = 0;
    while (true) {
      await this.#pause(failures);
      if (this.#stopping.signal.aborted) return;
      try {
        await this.flushNow();
        if (failures > 0) this.#logger.info("Storage takes batches again");
        failures = 0;
        this.#burst.clear(FAILED);
      } catch (error) {
        failures++;
        this.#warn(error);
      }
    }
  }

  /** Until it is time, the buffer holds a group's worth (which means nothing after a failure), or the end. */
  async #pause(failures: number): Promise<void> {
    const { buffer, intervalMs, maxBatches, maxBytes, retryMs, maxRetryMs, random } = this.#options;
    const { signal } = this.#stopping;
    const { promise, resolve } = Promise.withResolvers<void>();
    const backoff = backoffMs(failures, { firstMs: retryMs, maxMs: maxRetryMs, random });
    const timer = setTimeout(resolve, failures === 0 ? intervalMs : backoff);
    const look = () => {
      // One that can be taken must be there, else the loop would spin while the first are being staged.
      if (buffer.staged >= maxBatches || (buffer.staged > 0 && buffer.bytes >= maxBytes)) resolve();
    };
    if (failures === 0) {
      buffer.onStaged = look;
      look();
    }
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
    await promise;
    clearTimeout(timer);
    buffer.onStaged = () => {};
  }

  async #flushAll(): Promise<void> {
    const { buffer, sink, maxBatches, maxBytes } = this.#options;
    for (let group; (group = await buffer.takeGroup({ maxBatches, maxBytes }));) {
      const batches = await this.#decode(group.batches);
      if (batches.length > 0) await this.#write(sink, { token: group.token, batches });
      await buffer.complete(group);
      // Not before: a group may be tried many times.
      for (let i = batches.length; i < group.batches.length; i++) this.#metrics?.dropped();
    }
  }

  async #write(sink: Sink, group: Parameters<Sink["write"]>[0]): Promise<void> {
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    try {
      const { rows } = await sink.write(group);
      this.#metrics?.flushed(rows, seconds());
      this.#logger.debug("Wrote {batches} batches, {rows} rows", { batches: group.batches.length, rows });
    } catch (error) {
      this.#metrics?.flushFailed(seconds());
      throw error;
    }
  }

  async #decode(staged: readonly StagedBatch[]): Promise<ReceivedBatch[]> {
    const batches: ReceivedBatch[] = [];
    let bytes = 0;
    for (const { head, bytes: message } of staged) {
      try {
        batches.push({ ...readBatch(message), receivedMs: head.receivedMs });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        this.#burst.warn(
          "dropped",
          `Cannot read batch ${head.sequence} of agent '${head.agentId}' any more, and drop it: ${why}`,
        );
      }
      bytes += message.length;
      if (bytes < YIELD_BYTES) continue;
      bytes = 0;
      await new Promise((resolve) => setTimeout(resolve));
    }
    return batches;
  }

  #warn(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    const { staged } = this.#options.buffer;
    this.#burst.warn(FAILED, `Cannot write to storage, ${staged} batches wait in the buffer: ${why}`);
  }
}
