// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { addSequence, BLOCK_SEQUENCES, blockOf, hasSequence, type SequenceBlock } from "./sequences.ts";

Deno.test("addSequence() of sequences in any order agrees with a set", () => {
  const sequence = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.maxSafeNat());
  fc.assert(fc.property(fc.array(sequence), fc.array(sequence), (sequences, others) => {
    const blocks = new Map<number, SequenceBlock>();
    for (const each of sequences) {
      const number = blockOf(each);
      blocks.set(number, addSequence(blocks.get(number), each));
    }
    const seen = new Set(sequences);
    for (const each of [...sequences, ...others]) {
      assertEquals(hasSequence(blocks.get(blockOf(each)), each), seen.has(each));
    }
  }));
});

Deno.test("addSequence() leaves the block that it is given as it is", () => {
  const one = addSequence(undefined, BLOCK_SEQUENCES + 1);
  const two = addSequence(one, BLOCK_SEQUENCES + 2);
  assertEquals([hasSequence(one, BLOCK_SEQUENCES + 2), hasSequence(two, BLOCK_SEQUENCES + 2)], [false, true]);
  assertEquals(two.length, 512);
});
