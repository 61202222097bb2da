// SPDX-License-Identifier: Apache-2.0
/**
 * The staging buffer: how fast batches go in, and out again.
 *
 * @module
 */

import type { Row } from "./row.ts";
import { StagingBuffer } from "../aggregator/buffer/staging_buffer.ts";
import { batchMeta } from "../tests/support/staged.ts";

export interface StagingFigures {
  /** MB (10^6 bytes) a second. */
  readonly stage: number;
  readonly drain: number;
  readonly both: number;
}

/** Returns the rows of `deno task bench staging`: what the file that survives a crash costs. */
export async function rows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir();
  try {
    await benchStaging({ count: 50 });
    const memory = await benchStaging();
    const file = await benchStaging({ path: `${folder}/staged.db` });
    return [
      { what: "stage and drain batches, in memory", ours: memory.both, unit: "MB/s" },
      { what: "stage and drain batches, in a file", ours: file.both, unit: "MB/s" },
    ];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Stages `count` batches of `size` bytes, eight at a time, at `path`, and takes them out in groups.
 *
 * @param path @default {":memory:"}
 * @param count @default {200}
 * @param size @default {800000}
 */
export async function benchStaging(
  { path = ":memory:", count = 200, size = 800_000 } = {},
): Promise<StagingFigures> {
  await using buffer = await StagingBuffer.open({ path, capacityBytes: 2 * count * size });
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const batch = new Uint8Array(size).map((_, i) => bytes[i % bytes.length]!);
  const start = performance.now();
  let sequence = 0;
  const agent = async (agentId: string) => {
    for (let n = sequence++; n < count; n = sequence++) {
      await buffer.stage(batch, batchMeta({ agentId, sequence: n + 1 }));
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, i) => agent(`agent-${i}`)));
  const staged = performance.now();
  for (let group; (group = await buffer.takeGroup());) await buffer.complete(group);
  const drained = performance.now();
  const rate = (ms: number) => count * size / 1e6 / (ms / 1000);
  return { stage: rate(staged - start), drain: rate(drained - staged), both: rate(drained - start) };
}
