// SPDX-License-Identifier: Apache-2.0
/**
 * Does what Push does with a message: read, check, stage.
 *
 * @module
 */

import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { type Batch, eventCount, rowCount } from "../../profile/model.ts";
import { expandedSize } from "../../profile/expanded.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import type { Relabeller } from "../../profile/relabel/relabeller.ts";
import type { BatchLimits } from "../../profile/wire/validate_batch.ts";
import { type AggregatorService, PushResponse } from "../../proto/gen/aperture/v1/aperture.ts";
import type { BatchMeta } from "../buffer/entry.ts";
import { BufferFullError, type StagingBuffer } from "../buffer/staging_buffer.ts";
import { OutOfRangeError, UnavailableError } from "./calls.ts";

const PATH: (typeof AggregatorService)["push"]["path"] = "/aperture.v1.Aggregator/Push";

/** These say why a batch is not taken; sending it again helps for the last two alone. */
export const REFUSALS = ["malformed", "expired", "future", "full", "unavailable"] as const;
export type Refusal = (typeof REFUSALS)[number];

/** Takes what ingest counts. */
export interface IngestMetrics {
  /**
   * Is told that a Push ended.
   *
   * @param status gRPC's status in lower case; `aborted` where there was none to send or the server's own: the
   * client went away, or its message was too large
   */
  pushed(status: string, seconds: number): void;
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
  forward?: ((bytes: Uint8Array, batch: Batch) => void) | undefined;
  /** Names the batch by a hash of what it was made of, where nobody numbers it. */
  content?: string | undefined;
  /** Samples are kept so long, in ms: older ones are not taken. @default {Infinity} */
  retentionMs?: number | undefined;
  /** Knows what agents are asked for. @default nothing */
  captures?: { of(node: string): { frequency: number; seconds: number } | undefined } | undefined;
  /** Tells the time in Unix ms. @default {Date.now} */
  clock?: (() => number) | undefined;
}

/**
 * Reads and stages the `PushRequest` in `bytes`.
 *
 * @throws {WireError | MalformedBatchError} when it is not a sound batch
 * @throws {OutOfTimeError} when its window is older than what is kept, or far ahead
 * @throws {BufferFullError}
 * @throws {UnavailableError} when the buffer cannot be written
 */
export async function push(bytes: Uint8Array, options: PushOptions): Promise<PushResponse> {
  const { buffer, metrics, limits } = options;
  try {
    const given = readBatch(bytes, limits);
    checkTime(given, options);
    const batch = relabelled(given, options);
    const own = batch === given ? bytes : writeBatch(batch);
    const result = await stage(buffer, { bytes: own, batch, content: options.content });
    if (result === "duplicate") metrics?.duplicate();
    else {
      metrics?.accepted(eventCount(batch));
      options.forward?.(own, batch);
    }
    return {
      backpressure: buffer.backpressure,
      duplicate: result === "duplicate",
      capture: options.captures?.of(batch.node),
    };
  } catch (error) {
    metrics?.refused(refusalOf(error));
    throw error;
  }
}

/** Applies the relabel rules; the batch itself where there are none. */
function relabelled(batch: Batch, { relabeller }: PushOptions): Batch {
  if (!relabeller || relabeller.rules.length === 0) return batch;
  return { ...batch, ...relabeller.apply(batch, batch.node) };
}

async function stage(
  buffer: StagingBuffer,
  { bytes, batch, content }: { bytes: Uint8Array; batch: Batch; content: string | undefined },
): Promise<"staged" | "duplicate"> {
  try {
    return await buffer.stage(bytes, { ...metaOf(batch), ...content !== undefined && { content } });
  } catch (cause) {
    if (cause instanceof BufferFullError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnavailableError(`Cannot write the batch to the buffer: ${why}`, { cause });
  }
}

function checkTime(
  { startNs, endNs }: Batch,
  { retentionMs = Infinity, clock = Date.now }: PushOptions,
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

/** Counts each Push once and takes its time, whoever ends it: place it before what may refuse a call. */
export function countPushes(metrics: IngestMetrics): ServerInterceptor {
  return ({ path }, call) => {
    if (path !== PATH) return new ServerInterceptingCall(call);
    const start = performance.now();
    let ended = false;
    const end = (name: string) => {
      if (!ended) metrics.pushed(name, (performance.now() - start) / 1000);
      ended = true;
    };
    return new ServerInterceptingCall(call, {
      start: (next) => next({ onCancel: () => end("aborted") }),
      sendStatus(result, next) {
        end(status[result.code ?? status.OK].toLowerCase());
        next(result);
      },
    });
  };
}

function metaOf(batch: Batch): BatchMeta {
  const { agentId, epoch, sequence, node, startNs, endNs } = batch;
  const [samples, expanded] = [rowCount(batch), expandedSize(batch)];
  return { agentId, epoch, sequence, node, startNs, endNs, samples, expanded };
}
