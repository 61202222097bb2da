// SPDX-License-Identifier: Apache-2.0
/**
 * Reads and checks a batch, and says of it what its staging needs.
 *
 * @module
 */

import { expandedSize } from "../../profile/expanded.ts";
import { type Batch, eventCount, rowCount } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import type { BatchLimits } from "../../profile/wire/batch_limits.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import type { BatchMeta } from "../buffer/entry.ts";

/** Is a batch that was found sound. */
export interface CheckedBatch {
  /** Is the `PushRequest`. */
  readonly bytes: Uint8Array;
  readonly meta: BatchMeta;
  /** Counts the samples, waits and calls. */
  readonly events: number;
}

/**
 * Reads the `PushRequest` in `bytes`.
 *
 * @param relabel changes the batch, or returns the very same; without it, nothing is changed
 * @throws {WireError | MalformedBatchError} when it is not a sound batch
 */
export function checkBatch(
  bytes: Uint8Array,
  { limits, relabel }: {
    readonly limits?: BatchLimits | undefined;
    readonly relabel?: (batch: Batch) => Batch;
  } = {},
): CheckedBatch {
  const given = readBatch(bytes, limits);
  const batch = relabel?.(given) ?? given;
  return {
    bytes: batch === given ? bytes : writeBatch(batch),
    meta: metaOf(batch),
    events: eventCount(batch),
  };
}

function metaOf(batch: Batch): BatchMeta {
  const { agentId, epoch, sequence, node, startNs, endNs } = batch;
  const [samples, expanded] = [rowCount(batch), expandedSize(batch)];
  return { agentId, epoch, sequence, node, startNs, endNs, samples, expanded };
}
