// SPDX-License-Identifier: Apache-2.0
/**
 * Batches as the real agent pushes them, recorded on this machine and made as large as a busy node's.
 *
 * @module
 */

import { ProfileBuilder } from "../profile/builder.ts";
import { type Batch, frameAt, kindOf, seriesAt } from "../profile/model.ts";
import { readBatch } from "../profile/wire/read_batch.ts";
import { Program } from "../tasks/programs.ts";
import { PushRecorder } from "../tasks/pushed.ts";
import { runBusy } from "../tests/support/watched.ts";

/** So many different batches are made. */
const VARIANTS = 8;

/**
 * Returns eight batches of `rows` samples: the agent's own stacks, each variant with another part of its functions
 * renamed and other threads, by a seed.
 */
export async function recordBatches(rows: number): Promise<Batch[]> {
  const recorded = await record();
  return Array.from({ length: VARIANTS }, (_, seed) => grow(recorded, { rows, seed }));
}

/** Returns what the agent pushes in five seconds of a busy machine. */
async function record(): Promise<Batch[]> {
  using recorder = await PushRecorder.start();
  {
    await using _busy = runBusy();
    const agent = new Program("agent", [
      `--aggregator=${recorder.url}`,
      "--push-interval=1s",
      "--duration=5s",
      "--freq=199",
      "--include-self",
      "--log-level=error",
    ], { stderr: "null" });
    await agent.child.status;
  }
  const batches = recorder.requests.map((bytes) => readBatch(bytes));
  if (batches.every(({ samples }) => samples.kind.length === 0)) {
    throw new Error("Cannot record stacks: the agent pushed none");
  }
  return batches;
}

/** Samples of `recorded` over and over, each time as another thread, until there are `rows`. */
function grow(recorded: readonly Batch[], { rows, seed }: { rows: number; seed: number }): Batch {
  const builder = new ProfileBuilder();
  let made = 0;
  for (let round = 0; made < rows; round++) {
    for (const batch of recorded) {
      for (let i = 0; i < batch.samples.kind.length && made < rows; i++, made++) {
        const stack = batch.samples.stack[i]!;
        const { offset, frame } = batch.stacks;
        const frames = Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => {
          const of = frameAt(batch, row);
          // A tenth of the functions are this variant's own, as programs of nodes differ.
          return builder.frame(row % 10 === seed % 10 ? { ...of, function: `${of.function}.${seed}` } : of);
        });
        const of = seriesAt(batch, batch.samples.series[i]!);
        const series = builder.series({ ...of, pid: of.pid + round });
        const { value, count, kind } = batch.samples;
        builder.add(kindOf(kind[i]!)!, series, builder.stack(frames), value[i]!, count[i]!);
      }
    }
  }
  return { ...recorded[0]!, ...builder.build(), losses: new Map() };
}
