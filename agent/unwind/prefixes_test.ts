// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { prefixesOf } from "./prefixes.ts";

const PAGE = 4096;

Deno.test("prefixesOf() covers a range once and no more, with as few prefixes as there can be", () => {
  const range = fc.tuple(fc.nat(2 ** 35 - 1), fc.integer({ min: 1, max: 1 << 20 }));
  fc.assert(fc.property(range, ([page, pages]) => {
    const [start, end] = [page * PAGE, (page + pages) * PAGE];
    const prefixes = prefixesOf(start, end);
    let at = start;
    for (const { address, bits } of prefixes) {
      assertEquals(address, at);
      assertEquals(address % 2 ** bits, 0);
      at += 2 ** bits;
    }
    assertEquals(at, end);
    // Two that could be one are not there.
    for (const [i, { address, bits }] of prefixes.entries()) {
      assert(prefixes[i + 1]?.bits !== bits || address % 2 ** (bits + 1) !== 0);
    }
  }));
  assertEquals(prefixesOf(PAGE, PAGE), []);
  assertEquals(prefixesOf(0, 2 ** 47), [{ address: 0, bits: 47 }]);
});
