// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { AddressMap } from "./address_map.ts";

const address = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.maxSafeInteger(),
  // Of one file, and of neighbouring ones.
  fc.tuple(fc.nat(3), fc.nat(1000)).map(([file, at]) => -(file * 2 ** 36 + at)),
);

Deno.test("AddressMap gives what was set last, as a Map does", () => {
  const steps = fc.array(fc.tuple(address, fc.integer({ min: 0, max: 40 })), { maxLength: 3000 });
  fc.assert(
    fc.property(steps, (steps) => {
      const [ours, theirs] = [new AddressMap<object>(), new Map<number, object>()];
      for (const [at, what] of steps) {
        assertStrictEquals(ours.get(at), theirs.get(at));
        if (what === 0) {
          ours.clear();
          theirs.clear();
        } else {
          const value = {};
          ours.set(at, value);
          theirs.set(at, value);
        }
        assertEquals(ours.size, theirs.size);
      }
      for (const [at] of steps) assertStrictEquals(ours.get(at), theirs.get(at));
    }),
    { numRuns: 50 },
  );
});

Deno.test("AddressMap is empty again after it was large", () => {
  const map = new AddressMap<object>();
  for (let i = 0; i < 100_000; i++) map.set(i * 4096, {});
  map.clear();
  assertEquals([map.size, map.get(4096)], [0, undefined]);
  map.set(8192, map);
  assertStrictEquals(map.get(8192), map);
});
