// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { placeColumn } from "./lock_flow.ts";

Deno.test("placeColumn() places the largest first, sums the others, and keeps within its height", () => {
  const sides = Array.from({ length: 20 }, (_, i) => ({ name: `f${i}`, detail: "", value: i }));
  const placed = placeColumn(sides);
  assertEquals(placed.map(({ name }) => name), [
    "f19",
    "f18",
    "f17",
    "f16",
    "f15",
    "f14",
    "f13",
    "12 others",
  ]);
  assertEquals(placed.reduce((sum, { value }) => sum + value, 0), 190);
  placed.slice(1).forEach((side, i) => assert(side.y > placed[i]!.y + placed[i]!.height));
  assert(placed.at(-1)!.y + placed.at(-1)!.height <= 221);
  assertEquals(placeColumn([]), []);
});
