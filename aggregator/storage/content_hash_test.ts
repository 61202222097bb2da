import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { frameAt, seriesAt, stackCount } from "../../profile/model.ts";
import { batchArbitrary } from "../../tests/support/random_batches.ts";
import type { ReceivedBatch } from "./rows.ts";
import { hashContent } from "./content_hash.ts";

Deno.test("hashContent() gives equal hashes to equal content, and only to that", () => {
  const content = new Map<bigint, string>();
  const hashes = new Map<string, bigint>();
  const note = (hash: bigint, text: string) => {
    assertEquals(content.get(hash) ?? text, text);
    assertEquals(hashes.get(text) ?? hash, hash);
    content.set(hash, text);
    hashes.set(text, hash);
  };
  fc.assert(fc.property(batchArbitrary(30), (batch) => {
    const { frames, stacks, series } = hashContent(batch, batch.node);
    frames.forEach((hash, row) => note(hash, `frame ${JSON.stringify(frameAt(batch, row))}`));
    series.forEach((hash, row) => note(hash, `series ${batch.node} ${JSON.stringify(seriesAt(batch, row))}`));
    assertEquals(stacks.length, stackCount(batch));
    stacks.forEach((hash, row) => note(hash, `stack ${JSON.stringify(stackAt(batch, row))}`));
  }));
});

Deno.test("hashContent() gives the same hashes in every version", () => {
  // What is stored is found by them: a change here splits all data in two.
  const [batch] = fc.sample(batchArbitrary(5), { numRuns: 1, seed: 3 });
  const fixed: ReceivedBatch = {
    ...batch!,
    strings: ["", "main", "/bin/a"],
    frames: {
      function: Uint32Array.of(1),
      module: Uint32Array.of(2),
      file: Uint32Array.of(0),
      line: Uint32Array.of(3),
      buildId: Uint32Array.of(0),
      address: Float64Array.of(64),
    },
    stacks: { offset: Uint32Array.of(0, 1), frame: Uint32Array.of(0) },
    series: {
      pid: Uint32Array.of(1),
      comm: Uint32Array.of(1),
      exe: Uint32Array.of(2),
      container: Uint32Array.of(0),
      pod: Uint32Array.of(0),
      namespace: Uint32Array.of(0),
      service: Uint32Array.of(0),
      labels: Uint32Array.of(0),
    },
  };
  const { frames, stacks, series } = hashContent(fixed, "n1");
  assertEquals([frames[0], stacks[0], series[0]], [
    9935364137285543039n,
    13218222735447065712n,
    9545622367674482208n,
  ]);
});

function stackAt(batch: ReceivedBatch, row: number) {
  const { offset, frame } = batch.stacks;
  return Array.from(frame.subarray(offset[row], offset[row + 1]), (each) => frameAt(batch, each));
}
