// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ascending, RangeTable } from "./ranges.ts";

const ranges = fc.array(
  fc.record({
    start: fc.integer({ min: 0, max: 60 }),
    size: fc.integer({ min: -2, max: 20 }),
    rank: fc.nat(3),
  }),
  { maxLength: 40 },
);

Deno.test("RangeTable.find() gives the highest range that holds the address, of equal ranks the later", () => {
  fc.assert(fc.property(ranges, (list) => {
    const table = RangeTable.build({
      start: list.map((r) => r.start),
      end: list.map((r) => r.start + r.size),
      rank: list.map((r) => r.rank),
    });
    for (let address = -1; address < 90; address++) {
      let best = -1;
      list.forEach(({ start, size, rank }, i) => {
        if (address < start || address >= start + size) return;
        if (best < 0 || rank >= list[best]!.rank) best = i;
      });
      assertEquals(table.find(address), best, `address ${address}`);
    }
  }));
});

Deno.test("RangeTable.find() finds nothing in an empty table", () => {
  assertEquals(RangeTable.build({ start: [], end: [], rank: [] }).find(0), -1);
});

Deno.test("ascending() sorts as a stable sort with a comparator does", () => {
  fc.assert(fc.property(fc.array(fc.nat(50)), (values) => {
    const expected = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
    assertEquals([...ascending(values)], expected);
  }));
});
