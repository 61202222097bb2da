// SPDX-License-Identifier: Apache-2.0
/**
 * Bytes to stage, which need not be batches.
 *
 * @module
 */

import type { BatchMeta } from "../../aggregator/buffer/entry.ts";

/** Returns what describes a batch of `agent-1`. */
export function batchMeta(meta: Partial<BatchMeta> = {}): BatchMeta {
  return {
    agentId: "agent-1",
    epoch: 1_767_225_600_000_000_000n,
    sequence: 1,
    node: "node-1",
    startNs: 1_767_225_600_000_000_000n,
    endNs: 1_767_225_610_000_000_000n,
    samples: 10,
    expanded: 1000,
    ...meta,
  };
}

/** Bytes that only `sequence` has; every seventh is larger than one commit of Deno KV. */
export function batchBytes(sequence: number): Uint8Array {
  const size = sequence % 7 === 0 ? 2_000_000 : 100 + sequence * 977 % 200_000;
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + sequence * 17) ^ (i >>> 8);
  return bytes;
}
