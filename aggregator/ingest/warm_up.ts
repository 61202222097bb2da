// SPDX-License-Identifier: Apache-2.0
/**
 * Takes a few batches before the first agent comes: code that never ran takes ten times as long, and after a restart
 * all agents come at once.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import type { Batch } from "../../profile/model.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import { StagingBuffer } from "../buffer/staging_buffer.ts";
import { push } from "./push.ts";

/** After so many the code is compiled that most of the time is spent in. */
const BATCHES = 25;
/** They are as a calm node's. */
const SAMPLES = 500;
const DEPTH = 20;
const FUNCTIONS = 1500;

/** Pushes batches of its own making into a buffer in memory that is gone when this resolves. */
export async function warmUp(): Promise<void> {
  await using buffer = await StagingBuffer.open();
  const batch = makeBatch();
  for (let sequence = 1; sequence <= BATCHES; sequence++) {
    await push(writeBatch({ ...batch, sequence }), { buffer });
  }
}

function makeBatch(): Batch {
  const builder = new ProfileBuilder();
  const series = builder.series({ pid: 1, comm: "warm-up" });
  const frames = Array.from({ length: FUNCTIONS }, (_, i) =>
    builder.frame({
      function: `function_${i}`,
      module: `/lib/module_${i % 50}.so`,
      file: `file_${i % 200}.c`,
      line: i,
      buildId: `${i % 50}`,
      address: 64 * i,
    }));
  for (let sample = 0; sample < SAMPLES; sample++) {
    const stack = Array.from({ length: DEPTH }, (_, i) => frames[(sample * 7 + i * 31) % FUNCTIONS]!);
    builder.add("cpu", series, builder.stack(stack), 10_000_000, 1);
  }
  const endNs = BigInt(Date.now()) * 1_000_000n;
  return {
    ...builder.build(),
    ...{ agentId: "warm-up", node: "warm-up", agentVersion: "", epoch: endNs, sequence: 1 },
    ...{ startNs: endNs - 1_000_000_000n, endNs, losses: new Map() },
  };
}
