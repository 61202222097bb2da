// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { KnownStacks } from "./known_stacks.ts";

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

Deno.test("KnownStacks gives the stack of a hash, and of no other", () => {
  // Halves that are few, so that hashes differ in one of them alone.
  const half = fc.oneof(word, fc.nat(3));
  const hashes = fc.uniqueArray(fc.tuple(half, half), { selector: String, maxLength: 3000, minLength: 1 });
  fc.assert(
    fc.property(hashes, (hashes) => {
      const known = new KnownStacks();
      const stacks = hashes.map((_, i) => [i]);
      const added = hashes.slice(0, Math.ceil(hashes.length / 2));
      added.forEach(([low, high], i) => known.add(low, high, stacks[i]!));
      hashes.forEach(([low, high], i) => {
        assertStrictEquals(known.get(low, high), i < added.length ? stacks[i] : undefined);
      });
    }),
    { numRuns: 20 },
  );
});

Deno.test("KnownStacks keeps what is asked for, and no more addresses than it may", () => {
  const known = new KnownStacks(1000);
  const asked = [1, 2, 3];
  known.add(7, 7, asked);
  for (let i = 0; i < 1000; i++) {
    known.add(i, 1, new Array(10).fill(i));
    assertStrictEquals(known.get(7, 7), asked);
  }
  const kept = Array.from({ length: 1000 }, (_, i) => 999 - i).filter((i) => known.get(i, 1) !== undefined);
  assert(kept.length <= 100, String(kept.length));
  assertEquals([kept[0], kept.at(-1)! > 900], [999, true]);
});
