/**
 * What Push does with a message: read, check, stage.
 *
 * @module
 */

import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { type Batch, eventCount, rowCount } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import type { BatchLimits } from "../../profile/wire/validate_batch.ts";
import { type AggregatorService, PushResponse } from "../../proto/gen/aperture/v1/aperture.ts";
import { type BatchMeta, BufferFullError, type StagingBuffer } from "../buffer/staging_buffer.ts";
import { UnavailableError } from "./calls.ts";

const PATH: (typeof AggregatorService)["push"]["path"] = "/aperture.v1.Aggregator/Push";

/** What ingest counts. */
export interface IngestMetrics {
  /**
   * A Push ended.
   *
   * @param status gRPC's status in lower case; `aborted` where there was none to send or the server's own: the
   * client went away, or its message was too large
   */
  pushed(status: string, seconds: number): void;
  /** A batch of `events` samples was staged. */
  accepted(events: number): void;
  /** A batch was acknowledged that had been staged before. */
  duplicate(): void;
}

export interface PushOptions {
  buffer: StagingBuffer;
  metrics?: IngestMetrics | undefined;
  limits?: BatchLimits | undefined;
}

/**
 * Reads and stages the `PushRequest` in `bytes`.
 *
 * @throws {WireError | MalformedBatchError} when it is not a sound batch
 * @throws {BufferFullError}
 * @throws {UnavailableError} when the buffer cannot be written
 */
export async function push(
  bytes: Uint8Array,
  { buffer, metrics, limits }: PushOptions,
): Promise<PushResponse> {
  const batch = readBatch(bytes, limits);
  let result;
  try {
    result = await buffer.stage(bytes, metaOf(batch));
  } catch (cause) {
    if (cause instanceof BufferFullError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnavailableError(`Cannot write the batch to the buffer: ${why}`, { cause });
  }
  if (result === "duplicate") metrics?.duplicate();
  else metrics?.accepted(eventCount(batch));
  return { backpressure: buffer.backpressure, duplicate: result === "duplicate" };
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
  return { agentId, epoch, sequence, node, startNs, endNs, samples: rowCount(batch) };
}
