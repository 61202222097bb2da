// SPDX-License-Identifier: Apache-2.0
/**
 * Does what Push does with a message: read, check, stage.
 *
 * @module
 */

import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import type { Batch } from "../../profile/model.ts";
import type { Relabeller } from "../../profile/relabel/relabeller.ts";
import type { BatchLimits } from "../../profile/wire/batch_limits.ts";
import { type AggregatorService, PushResponse } from "../../proto/gen/aperture/v1/aperture.ts";
import type { BatchMeta } from "../buffer/entry.ts";
import { BufferFullError } from "../buffer/held.ts";
import type { StagingBuffer } from "../buffer/staging_buffer.ts";
import { OutOfRangeError, UnavailableError } from "./calls.ts";
import { checkBatch, type CheckedBatch } from "./checked_batch.ts";

const PATH: (typeof AggregatorService)["push"]["path"] = "/aperture.v1.Aggregator/Push";

/** These say why a batch is not taken; sending it again helps for the last two alone. */
export const REFUSALS = ["malformed", "expired", "future", "full", "unavailable"] as const;
export type Refusal = (typeof REFUSALS)[number];

/** A push goes through these: its message arrives, is read and checked, and is staged. */
export const PHASES = ["arrive", "check", "stage"] as const;
export type Phase = (typeof PHASES)[number];

/** Takes what ingest counts. */
export interface IngestMetrics {
  /**
   * Is told that a Push ended.
   *
   * @param status gRPC's status in lower case; `aborted` where there was none to send or the server's own: the
   * client went away, or its message was too large
   */
  pushed(status: string, seconds: number): void;
  /** Is told how long a phase of a push took, from the end of the one before; of one that failed, nothing. */
  spent(phase: Phase, seconds: number): void;
  /** Is told that a batch of `events` samples was staged. */
  accepted(events: number): void;
  /** Is told that a batch was acknowledged that had been staged before. */
  duplicate(): void;
  /** Is told that a batch was not taken. */
  refused(reason: Refusal): void;
}

/** Is thrown for a batch of a time that is not stored; the message is for the agent. */
export class OutOfTimeError extends OutOfRangeError {
  override name = "OutOfTimeError";
  readonly reason: "expired" | "future";

  constructor(message: string, reason: "expired" | "future") {
    super(message);
    this.reason = reason;
  }
}

/** A window may begin so far ahead of the aggregator's clock. */
const AHEAD_MS = 86_400_000;

export interface PushOptions {
  buffer: StagingBuffer;
  metrics?: IngestMetrics | undefined;
  limits?: BatchLimits | undefined;
  /** Changes what is staged. */
  relabeller?: Pick<Relabeller, "apply" | "rules"> | undefined;
  /** Is given the bytes of each batch that was staged, and not before. */
  forward?: ((bytes: Uint8Array, meta: BatchMeta) => void) | undefined;
  /** Samples are kept so long, in ms: older ones are not taken. @default {Infinity} */
  retentionMs?: number | undefined;
  /** Knows what agents are asked for. @default nothing */
  captures?: { of(node: string): { frequency: number; seconds: number } | undefined } | undefined;
  /** Tells the time in Unix ms. @default {Date.now} */
  clock?: (() => number) | undefined;
}

/** Is what the staging of a batch needs that was checked and relabelled before. */
export type StageOptions = Omit<PushOptions, "limits" | "relabeller">;

/**
 * Reads and stages the `PushRequest` in `bytes`.
 *
 * @throws {WireError | MalformedBatchError} when it is not a sound batch
 * @throws {OutOfTimeError} when its window is older than what is kept, or far ahead
 * @throws {BufferFullError}
 * @throws {UnavailableError} when the buffer cannot be written
 */
export async function push(bytes: Uint8Array, options: PushOptions): Promise<PushResponse> {
  return await counted(options, async () => {
    const { limits, metrics } = options;
    const start = performance.now();
    const batch = checkBatch(bytes, { limits, relabel: (given) => relabelled(given, options) });
    metrics?.spent("check", secondsSince(start));
    const checked = performance.now();
    const answer = await take(batch, options);
    metrics?.spent("stage", secondsSince(checked));
    return answer;
  });
}

/**
 * Stages a batch that was checked and relabelled before.
 *
 * @throws {OutOfTimeError | BufferFullError | UnavailableError} as {@linkcode push}
 */
export async function stageChecked(batch: CheckedBatch, options: StageOptions): Promise<PushResponse> {
  return await counted(options, () => take(batch, options));
}

async function counted<T>({ metrics }: StageOptions, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    metrics?.refused(refusalOf(error));
    throw error;
  }
}

async function take(batch: CheckedBatch, options: StageOptions): Promise<PushResponse> {
  const { buffer, metrics, forward, captures } = options;
  const { bytes, meta, events } = batch;
  checkTime(meta, options);
  const result = await stage(buffer, batch);
  if (result === "duplicate") metrics?.duplicate();
  else {
    metrics?.accepted(events);
    forward?.(bytes, meta);
  }
  return {
    backpressure: buffer.backpressure,
    duplicate: result === "duplicate",
    capture: captures?.of(meta.node),
  };
}

/** Applies the relabel rules; the batch itself where there are none. */
function relabelled(batch: Batch, { relabeller }: PushOptions): Batch {
  if (!relabeller || relabeller.rules.length === 0) return batch;
  return { ...batch, ...relabeller.apply(batch, batch.node) };
}

async function stage(
  buffer: StagingBuffer,
  { bytes, meta }: CheckedBatch,
): Promise<"staged" | "duplicate"> {
  try {
    return await buffer.stage(bytes, meta);
  } catch (cause) {
    if (cause instanceof BufferFullError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnavailableError(`Cannot write the batch to the buffer: ${why}`, { cause });
  }
}

function checkTime(
  { startNs, endNs }: BatchMeta,
  { retentionMs = Infinity, clock = Date.now }: StageOptions,
): void {
  const now = clock();
  const [start, end] = [startNs, endNs].map((ns) => Number(ns / 1_000_000n)) as [number, number];
  if (end < now - retentionMs) {
    throw new OutOfTimeError(
      `Cannot keep the batch as it is older than what is kept: it ends at ${timeOf(end)}`,
      "expired",
    );
  }
  if (start > now + AHEAD_MS) {
    throw new OutOfTimeError(
      `Cannot keep the batch as it is of the future by the aggregator's clock: it begins at ${timeOf(start)}`,
      "future",
    );
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof OutOfTimeError) return error.reason;
  if (error instanceof BufferFullError) return "full";
  return error instanceof UnavailableError ? "unavailable" : "malformed";
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}

/** Counts each Push once and takes its time, whoever ends it: place it before what may refuse a call. */
export function countPushes(metrics: IngestMetrics): ServerInterceptor {
  return ({ path }, call) => {
    if (path !== PATH) return new ServerInterceptingCall(call);
    const start = performance.now();
    let ended = false;
    const end = (name: string) => {
      if (!ended) metrics.pushed(name, secondsSince(start));
      ended = true;
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveHalfClose(nextHalfClose) {
            metrics.spent("arrive", secondsSince(start));
            nextHalfClose();
          },
          onCancel: () => end("aborted"),
        }),
      sendStatus(result, next) {
        end(status[result.code ?? status.OK].toLowerCase());
        next(result);
      },
    });
  };
}
