// SPDX-License-Identifier: Apache-2.0
/**
 * Delivers batches to the aggregator, one at a time and in order, and keeps them until they are acknowledged.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { delay } from "@std/async/delay";
import type { CaptureRequest } from "../capture.ts";
import { backoffMs } from "../../common/backoff.ts";
import { Burst } from "../../common/log.ts";
import { eventCount, type Profile } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { writingBatch } from "../../profile/wire/write_batch.ts";
import type { Pieces } from "../../common/pieces.ts";
import { type BatchWindow, halves, type Identity, isTooLarge, makeBatch, type Part } from "./batch.ts";
import { type PushAnswer, PushError, type Transport } from "./client.ts";
import { Slices } from "../slices.ts";
import { explain, remedyFor } from "./failures.ts";
import { type DropReason, Spool, type SpoolEntry, type SpoolOptions } from "./spool.ts";

export interface PusherOptions {
  readonly identity: Identity;
  readonly transport: Transport;
  readonly spool?: Omit<SpoolOptions, "onDrop">;
  /** A window that is larger goes as several batches; unpacked. @default {4194304} */
  readonly maxMessageBytes?: number;
  /** The first pause after a failure, in ms; it doubles with each failure that follows. @default {500} */
  readonly minPauseMs?: number;
  /** The longest, and the pause where trying again is of little use, in ms. @default {30000} */
  readonly maxPauseMs?: number;
  /** About so long lies between two batches of those that waited while pushing failed, in ms. @default {100} */
  readonly catchUpMs?: number;
  /** Returns a number from 0 to 1, for jitter. @default {Math.random} */
  readonly random?: () => number;
  /** Is told what the aggregator asks for. @default nothing is done */
  readonly onCapture?: (request: CaptureRequest) => void;
  /** Rejects when the signal is aborted. @default {delay} */
  readonly sleep?: (ms: number, options: { signal: AbortSignal }) => Promise<void>;
}

/** Counts since the start; batches unless it says otherwise. */
export interface PushStats {
  readonly pushed: number;
  readonly pushedBytes: number;
  /** Counts those of `pushed` that the aggregator had already. */
  readonly duplicates: number;
  /** Tries that failed. */
  readonly failures: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Samples, waits, calls and losses of those. */
  readonly droppedEvents: number;
  /** Batches that the spool's folder did not take. */
  readonly writeFailures: number;
  readonly pending: number;
  readonly pendingBytes: number;
}

/** Counts what was not delivered when the agent stopped. */
export interface Undelivered {
  readonly batches: number;
  /** They are in the spool's folder, and are sent at the next start. */
  readonly kept: boolean;
}

/** A window is at most so many times as long while the aggregator asks for less. */
const MAX_BEATS = 2;
/** The longest pause that the aggregator may ask for, in ms. */
const MAX_HINT_MS = 60_000;
/** After so many failures that may be the batch's fault, others get their turn. */
const PATIENCE = 5;
/** The reason under which samples, waits and calls, and losses, of dropped batches are in the losses of the next. */
export const PUSH_LOSS = "push_dropped";

/**
 * Pushes profiles until it is stopped.
 *
 * @example
 * ```ts
 * const pusher = new Pusher({ identity, transport: client });
 * await pusher.push(profile, { startNs, endNs, losses });
 * const { batches } = await pusher.stop({ deadlineMs: 5000 });
 * ```
 */
export class Pusher {
  readonly #identity: Identity;
  readonly #transport: Transport;
  readonly #spool: Spool;
  readonly #maxMessageBytes: number;
  readonly #minPauseMs: number;
  readonly #maxPauseMs: number;
  readonly #catchUpMs: number;
  readonly #random: () => number;
  readonly #sleep: (ms: number, options: { signal: AbortSignal }) => Promise<void>;
  readonly #logger = getLogger(["aperture", "push"]);
  readonly #burst = new Burst(this.#logger);
  readonly #kept: boolean;
  readonly #onCapture: ((request: CaptureRequest) => void) | undefined;
  readonly #running: Promise<void>;
  /** Ends the pause that is under way. */
  #hurry = new AbortController();
  readonly #cut = new AbortController();
  #wake = Promise.withResolvers<void>();
  #stopping = false;
  #stopped: Promise<Undelivered> | undefined;
  #sequence = 0;
  /** Settles when what is being encoded is: one after another, as sequences are given out in order. */
  #turn: Promise<void> = Promise.resolve();
  /** So many failed in a row. */
  #failed = 0;
  #pressed = 0;
  /** What waited while pushing failed is being sent. */
  #catchingUp = false;
  #lostSamples = 0;
  #stats = { pushed: 0, pushedBytes: 0, duplicates: 0, failures: 0, droppedEvents: 0 };
  readonly #dropped = { spool_full: 0, spool_corrupt: 0, refused: 0, too_large: 0 };

  /** @throws {Error} when the spool's folder cannot be used */
  constructor(options: PusherOptions) {
    this.#identity = options.identity;
    this.#transport = options.transport;
    this.#maxMessageBytes = options.maxMessageBytes ?? 4 * 2 ** 20;
    this.#minPauseMs = options.minPauseMs ?? 500;
    this.#maxPauseMs = options.maxPauseMs ?? 30_000;
    this.#catchUpMs = options.catchUpMs ?? 100;
    this.#random = options.random ?? Math.random;
    this.#sleep = options.sleep ?? delay;
    this.#onCapture = options.onCapture;
    this.#kept = options.spool?.directory !== undefined;
    this.#spool = new Spool({
      ...options.spool,
      onDrop: (...drop) => this.#onDrop(...drop),
      onWriteFailure: (cause) => {
        const reason = cause instanceof Error ? cause.message : cause;
        this.#burst.warn("write", `Cannot keep a batch in the spool's folder: ${reason}`);
      },
    });
    if (this.#spool.length > 0) {
      this.#logger.info("Found {batches} batches that an earlier run did not deliver", {
        batches: this.#spool.length,
      });
    }
    this.#running = this.#run();
  }

  /** Resolves when one window is queued. Not to be called after {@linkcode stop}. */
  push(profile: Profile, window: BatchWindow): Promise<void> {
    return this.#inTurn(() => this.#queuing(profile, window));
  }

  *#queuing(profile: Profile, window: BatchWindow): Pieces<void> {
    const losses = new Map(window.losses);
    if (this.#lostSamples > 0) losses.set(PUSH_LOSS, (losses.get(PUSH_LOSS) ?? 0) + this.#lostSamples);
    this.#lostSamples = 0;
    const part = { profile, window: { ...window, losses } };
    for (const encoded of yield* this.#encoding(part, this.#maxMessageBytes)) {
      this.#spool.add(encoded.bytes, encoded);
    }
    this.#wake.resolve();
  }

  #inTurn(work: () => Pieces<void>): Promise<void> {
    const done = this.#turn.then(() => new Slices().do(work()));
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Returns how many beats the next window should have: more than one while the aggregator asks for less. */
  get beats(): number {
    return Math.min(1 + this.#pressed, MAX_BEATS);
  }

  /** Returns numbers for metrics and logs. */
  stats(): PushStats {
    const { length: pending, memoryBytes, diskBytes } = this.#spool;
    const { writeFailures } = this.#spool;
    const dropped = { ...this.#dropped };
    return { ...this.#stats, dropped, writeFailures, pending, pendingBytes: memoryBytes + diskBytes };
  }

  /** Tries to deliver what is left until `deadlineMs` have passed, and keeps what it could not in the folder. */
  stop({ deadlineMs }: { deadlineMs: number }): Promise<Undelivered> {
    return this.#stopped ??= this.#stop(deadlineMs);
  }

  async #stop(deadlineMs: number): Promise<Undelivered> {
    await this.#turn;
    this.#stopping = true;
    this.#failed = 0;
    this.#hurry.abort();
    this.#wake.resolve();
    const timer = setTimeout(() => this.#cut.abort(), deadlineMs);
    try {
      await this.#running;
    } finally {
      clearTimeout(timer);
    }
    this.#spool.persist();
    return { batches: this.#spool.length, kept: this.#kept };
  }

  async #run(): Promise<void> {
    while (!this.#cut.signal.aborted) {
      const held = this.#spool.hold();
      if (held) {
        const pauseMs = await this.#attempt(held.entry, held.bytes);
        if (this.#stopping && pauseMs === Infinity) return;
        await this.#pause(pauseMs === Infinity ? this.#maxPauseMs : pauseMs);
      } else {
        if (this.#stopping) return;
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    }
  }

  /** Returns how long to wait, in ms; Infinity where trying again is of little use. */
  async #attempt(entry: SpoolEntry, bytes: Uint8Array): Promise<number> {
    let response;
    try {
      response = await this.#transport.push(bytes, { signal: this.#cut.signal });
    } catch (error) {
      if (this.#cut.signal.aborted) {
        this.#spool.release();
        return 0;
      }
      this.#stats.failures++;
      return await this.#onFailed(entry, bytes, error);
    }
    return this.#onPushed(entry, response);
  }

  #onPushed(entry: SpoolEntry, { backpressure, duplicate, capture }: PushAnswer): number {
    if (capture) this.#onCapture?.(capture);
    this.#spool.remove(entry);
    this.#stats.pushed++;
    this.#stats.pushedBytes += entry.size;
    if (duplicate) this.#stats.duplicates++;
    if (this.#failed > 0) {
      this.#logger.info("Pushing again, after {failures} tries that failed; {pending} batches wait", {
        failures: this.#failed,
        pending: this.#spool.length,
      });
    }
    this.#failed = 0;
    this.#burst.clear("failed");
    this.#pressed = backpressure ? this.#pressed + 1 : 0;
    this.#catchingUp &&= this.#spool.length > 0;
    const catchUpMs = this.#catchingUp && !this.#stopping ? this.#catchUpMs * (0.5 + this.#random()) : 0;
    return Math.max(this.#backoff(this.#pressed), catchUpMs);
  }

  async #onFailed(entry: SpoolEntry, bytes: Uint8Array, error: unknown): Promise<number> {
    const remedy = remedyFor(error);
    if (remedy === "refuse") {
      this.#burst.warn("refused", `The aggregator refused a batch: ${explain(error)}`);
      this.#spool.drop(entry, "refused");
      return 0;
    }
    if (remedy === "split") {
      await this.#split(entry, bytes, error);
      return 0;
    }
    this.#failed++;
    this.#catchingUp = true;
    const waiting = `${this.#spool.length} ${this.#spool.length === 1 ? "batch waits" : "batches wait"}`;
    this.#burst.warn("failed", `Cannot push, will try again: ${explain(error)} (${waiting})`);
    if (remedy === "postpone" && this.#failed % PATIENCE === 0) this.#spool.postpone(entry);
    else this.#spool.release();
    const hintMs = error instanceof PushError ? Math.min(error.retryMs ?? 0, MAX_HINT_MS) : 0;
    return remedy === "slow" ? Infinity : Math.max(this.#backoff(this.#failed), hintMs);
  }

  #backoff(times: number): number {
    return backoffMs(times, { firstMs: this.#minPauseMs, maxMs: this.#maxPauseMs, random: this.#random });
  }

  async #pause(ms: number): Promise<void> {
    if (ms === 0) return;
    this.#hurry = this.#stopping ? this.#cut : new AbortController();
    try {
      await this.#sleep(ms, { signal: this.#hurry.signal });
    } catch (error) {
      if (!this.#hurry.signal.aborted) throw error;
    }
  }

  /** Puts smaller ones in place of a batch that the aggregator, or a proxy before it, found too large. */
  async #split(entry: SpoolEntry, bytes: Uint8Array, error: unknown): Promise<void> {
    const parts = halvesOf(bytes);
    const consequence = parts ? "will send its halves" : "dropped it, as it cannot be halved";
    this.#burst.warn(
      "too_large",
      `The aggregator takes no batch of ${bytes.length} bytes, ${consequence}: ${explain(error)}`,
    );
    if (!parts) return this.#spool.drop(entry, "too_large");
    await this.#inTurn(() => this.#replacing(entry, parts));
  }

  *#replacing(entry: SpoolEntry, parts: readonly Part[]): Pieces<void> {
    const encoded: Encoded[] = [];
    for (const part of parts) encoded.push(...yield* this.#encoding(part, Infinity));
    this.#spool.replace(entry, encoded);
  }

  /** Encodes one batch, or several where one were larger than `max` bytes; each has a sequence of its own. */
  *#encoding(part: Part, max: number): Pieces<Encoded[]> {
    const { profile, window } = part;
    const sequence = this.#sequence + 1;
    const batch = makeBatch(profile, { identity: this.#identity, window, sequence });
    yield;
    const bytes = yield* writingBatch(batch);
    const parts = bytes.length > max || isTooLarge(batch) ? halves(part) : undefined;
    yield;
    if (parts) return [...yield* this.#encoding(parts[0], max), ...yield* this.#encoding(parts[1], max)];
    this.#sequence = sequence;
    // What it says was lost is unknown, too, should it be dropped.
    const lost = window.losses.values().reduce((sum, count) => sum + count, 0);
    return [{ bytes, samples: eventCount(profile) + lost }];
  }

  #onDrop(reason: DropReason, samples: number, cause?: unknown): void {
    this.#dropped[reason]++;
    this.#lostSamples += samples;
    this.#stats.droppedEvents += samples;
    if (reason === "spool_full") {
      this.#burst.warn(reason, "Dropped the oldest batch as there is no room for more");
    } else if (reason === "spool_corrupt") {
      this.#burst.warn(reason, `Skipped a batch: ${cause instanceof Error ? cause.message : cause}`);
    }
  }
}

interface Encoded {
  readonly bytes: Uint8Array;
  readonly samples: number;
}

/** Returns `undefined` when there are fewer than two rows, or the bytes, maybe of another version, cannot be read. */
function halvesOf(bytes: Uint8Array): readonly Part[] | undefined {
  try {
    const { startNs, endNs, losses, stackEnds = new Map(), usage, ...profile } = readBatch(bytes);
    return halves({ profile, window: { startNs, endNs, losses, stackEnds, usage } });
  } catch {
    return undefined;
  }
}
