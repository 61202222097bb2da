// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { bothGraphs, graphOf } from "../../../tests/support/graphs.ts";
import { sidesOf } from "./diff_sides.ts";
import { flameModel } from "./model.ts";
import { type Tree, treeOf } from "./tree.ts";

const lines = fc.array(
  fc.tuple(
    fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 1, max: 99 }),
  ),
  { maxLength: 20 },
).map((samples) => samples.map(([names, value]) => `demo;${names.join(";")} ${value}`));

/** Returns what a tree is made of, whatever its children's order. */
function contentOf({ name, module, value, self, children }: Tree): unknown {
  return [name, module, value, self, children.map((child) => JSON.stringify(contentOf(child))).sort()];
}

Deno.test("sidesOf() gives both trees back, for any two graphs", () => {
  fc.assert(fc.property(lines, lines, (before, after) => {
    const [a, b] = [graphOf(...before), graphOf(...after)];
    const { base, compare } = sidesOf(bothGraphs(a, b));
    for (const [side, graph] of [[base, a], [compare, b]] as const) {
      assertEquals(contentOf(side), contentOf(treeOf(flameModel(graph))));
    }
  }));
});

Deno.test("sidesOf() of no boxes is two trees of nothing", () => {
  const { base, compare } = sidesOf({ unit: "nanoseconds", total: 0, names: [], modules: [], levels: [] });
  assertEquals([base.value, compare.children], [0, []]);
});
