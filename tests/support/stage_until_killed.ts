// SPDX-License-Identifier: Apache-2.0
/**
 * Stages batches of all sizes into the buffer at the path that is the first argument, and writes a line with
 * the sequence of each that was acknowledged; every tenth it takes a group, and completes it. For a test that
 * kills it.
 *
 * @module
 */

import { StagingBuffer } from "../../aggregator/buffer/staging_buffer.ts";
import { batchBytes, batchMeta } from "./staged.ts";

const out = Deno.stdout.writable.getWriter();
const say = (line: string) => out.write(new TextEncoder().encode(`${line}\n`));

const buffer = await StagingBuffer.open({ path: Deno.args[0]!, capacityBytes: 2 ** 30 });
for (let sequence = 1;; sequence++) {
  await buffer.stage(batchBytes(sequence), batchMeta({ sequence }));
  await say(`staged ${sequence}`);
  if (sequence % 10 !== 0) continue;
  const group = (await buffer.takeGroup({ maxBatches: 5 }))!;
  await say(`written ${group.token} ${group.batches.map(({ head }) => head.sequence).join(",")}`);
  await buffer.complete(group);
}
