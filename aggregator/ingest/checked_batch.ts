// SPDX-License-Identifier: Apache-2.0
/**
 * Reads and checks a batch, and says of it what its staging needs.
 *
 * @module
 */

import { expandedSize } from "../../profile/expanded.ts";
import { type Batch, eventCount, rowCount } from "../../profile/model.ts";
import { readSizedBatch } from "../../profile/wire/read_batch.ts";
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
  const given = readSizedBatch(bytes, limits);
  const batch = relabel?.(given.batch) ?? given.batch;
  const same = batch === given.batch;
  return {
    bytes: same ? bytes : writeBatch(batch),
    meta: metaOf(batch, same ? given.expanded : expandedSize(batch)),
    events: eventCount(batch),
  };
}

function metaOf(batch: Batch, expanded: number): BatchMeta {
  const { agentId, epoch, sequence, node, startNs, endNs } = batch;
  return { agentId, epoch, sequence, node, startNs, endNs, samples: rowCount(batch), expanded };
}
