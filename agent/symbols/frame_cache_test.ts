// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import type { Frame } from "../../profile/model.ts";
import { FrameCache } from "./frame_cache.ts";

const framesOf = (name: string): readonly Frame[] => [
  { function: name, module: "m", file: "", line: 0, buildId: "", address: 0 },
];
/** One of `framesOf()` with a name of one character takes so much. */
const BYTES = 257;

Deno.test("FrameCache gives what was put there last, and nothing of what was deleted or forgotten", () => {
  const address = fc.record({ serial: fc.nat(3), address: fc.nat(5) });
  const change = fc.oneof(
    fc.record({ set: address, name: fc.constantFrom("a", "b") }),
    fc.record({ delete: address }),
    fc.record({ forget: fc.nat(3) }),
  );
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const cache = new FrameCache(1 << 20);
      const expected = new Map<string, readonly Frame[]>();
      const key = (of: { serial: number; address: number }) => `${of.serial}:${of.address}`;
      for (const change of changes) {
        if ("set" in change) {
          const frames = framesOf(change.name);
          cache.set(change.set.serial, change.set.address, frames);
          expected.set(key(change.set), frames);
        } else if ("delete" in change) {
          cache.delete(change.delete.serial, change.delete.address);
          expected.delete(key(change.delete));
        } else {
          cache.forget([change.forget]);
          for (const name of expected.keys()) if (name.startsWith(`${change.forget}:`)) expected.delete(name);
        }
      }
      for (let serial = 0; serial <= 3; serial++) {
        for (let at = 0; at <= 5; at++) {
          assertStrictEquals(cache.get(serial, at), expected.get(`${serial}:${at}`));
        }
      }
      assertEquals([cache.size, cache.bytes], [expected.size, BYTES * expected.size]);
    }),
  );
});

Deno.test("FrameCache keeps to its bytes, and what is asked for stays", () => {
  const cache = new FrameCache(20 * BYTES);
  cache.set(1, 0, framesOf("h"));
  for (let address = 1; address < 1000; address++) {
    cache.set(1, address, framesOf("x"));
    assert(cache.get(1, 0) !== undefined, `gone after ${address}`);
    assert(cache.bytes <= 21 * BYTES);
  }
  assertEquals(cache.get(1, 1), undefined);
  assert(cache.get(1, 999) !== undefined);
  cache.clear();
  assertEquals([cache.size, cache.bytes, cache.get(1, 999)], [0, 0, undefined]);
});
