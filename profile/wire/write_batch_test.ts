// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { ProfileBuilder } from "../builder.ts";
import { readBatch } from "./read_batch.ts";
import { writeBatch, writingBatch } from "./write_batch.ts";

/** Returns a batch of so many system calls, each with a name of its own, in which all lengths of UTF-8 are. */
function makeBatch(calls: number) {
  const builder = new ProfileBuilder();
  const series = builder.series({ pid: 1, comm: "demo" });
  for (let i = 0; i < calls; i++) {
    builder.addSyscall({
      ...{ series, call: `call ${i} ${"aé€😀".repeat(i % 50)}`, category: "file" },
      ...{ count: i + 1, total: 2 ** 40 + i, min: i, max: 2 ** 31 + i },
      ...{ errors: new Map([[i % 40 + 1, 1]]), histogram: [0, 1, i], open: 0, oldest: 0 },
    });
  }
  return {
    ...{
      agentId: "a",
      epoch: 2n ** 60n,
      sequence: 7,
      startNs: 2n ** 60n,
      endNs: 2n ** 60n + 1n,
      node: "n",
      agentVersion: "1",
    },
    ...builder.build(),
    losses: new Map([["map_full", 3]]),
  };
}

Deno.test("writingBatch() writes in pieces what writeBatch() does at once, of any size", () => {
  for (const calls of [0, 1, 40, 5000]) {
    const batch = makeBatch(calls);
    const bytes = writeBatch(batch);
    const { strings, syscalls, losses } = readBatch(bytes);
    // The reason of a loss is one of the strings.
    assertEquals([strings.slice(0, -1), syscalls, losses], [batch.strings, batch.syscalls, batch.losses]);
    assertEquals(bytes.byteLength, bytes.buffer.byteLength);
    let pieces = 1;
    const writing = writingBatch(batch);
    let step = writing.next();
    for (; !step.done; step = writing.next()) pieces++;
    assertEquals(step.value, bytes);
    assert(calls < 5000 || pieces > 10);
  }
});

Deno.test("writeBatch() takes tables without rows that have no end either", () => {
  const batch = makeBatch(0);
  const none = { offset: new Uint32Array(), frame: new Uint32Array() };
  assertEquals(writeBatch({ ...batch, stacks: none }), writeBatch(batch));
});
