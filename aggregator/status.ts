// SPDX-License-Identifier: Apache-2.0
/**
 * Finds out how the aggregator is, as its HTTP side tells it.
 *
 * @module
 */

import type { Flusher } from "./buffer/flusher.ts";
import type { StagingBuffer } from "./buffer/staging_buffer.ts";
import type { Health, StagedBatches } from "./http/mod.ts";
import type { AggregatorMetrics } from "./metrics.ts";
import type { Storage } from "./storage/storage.ts";

export interface StatusSources {
  readonly buffer: StagingBuffer;
  readonly metrics: AggregatorMetrics;
  readonly storage: Storage;
  readonly flusher: Pick<Flusher, "failing">;
  readonly mode: "embedded" | "server";
}

/** Shorter failures are those of a restart. */
const FAILING_MS = 60_000;

/** Returns the state of all parts; storage is asked whether it answers. */
export async function healthOf(
  { buffer, metrics, storage, flusher, mode }: StatusSources,
  now = Date.now(),
): Promise<Health> {
  const { failing } = flusher;
  const problem = await storage.problem();
  const { failure } = buffer;
  return {
    pushOk: metrics.pushTotalOk,
    pushError: metrics.pushTotalError,
    buffer: {
      batches: buffer.batches,
      bytes: buffer.bytes,
      capacityBatches: buffer.capacity,
      capacityBytes: buffer.capacityBytes,
      quarantined: buffer.quarantined.length,
      ...(failure === undefined ? {} : { problem: `Cannot write to the buffer: ${messageOf(failure)}` }),
    },
    storage: {
      mode,
      pendingRows: buffer.samples,
      ...(problem === undefined ? {} : { problem }),
      ...(failing && now - failing.sinceMs > FAILING_MS ? { failing } : {}),
    },
  };
}

/** Returns what is staged, the newest first. */
export function stagedBatches(
  buffer: StagingBuffer,
  { agentId, limit }: { agentId?: string | undefined; limit: number },
): StagedBatches {
  const heads = buffer.list(agentId === undefined ? {} : { agentId });
  return { batches: heads.toReversed().slice(0, limit), staged: buffer.batches };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
