// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { graphOf } from "../../../tests/support/graphs.ts";
import { boxOfHash, descendantsAt, flameModel, hotFunctions, pathHash, pathOf } from "./model.ts";

const LINES = ["demo;main;a;b 30", "demo;main;a 10", "demo;main;c;b 5", "other;main;a;a;b 7"];

/** Random graphs: few names, so that paths share much. */
const graphs = fc.array(
  fc.record({
    names: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 6 }),
    value: fc.integer({ min: 1, max: 1000 }),
  }),
  { minLength: 1, maxLength: 40 },
).map((samples) => graphOf(...samples.map(({ names, value }) => `demo;${names.join(";")} ${value}`)));

Deno.test("flameModel() finds each box's parent", () => {
  const model = flameModel(graphOf(...LINES));
  const paths = Array.from(
    model.name,
    (_, box) => pathOf(model, box).map((at) => model.names[model.name[at]!]).join(";"),
  );
  assertEquals(paths.slice(1), [
    "all;demo",
    "all;other",
    "all;demo;main",
    "all;other;main",
    "all;demo;main;a",
    "all;demo;main;c",
    "all;other;main;a",
    "all;demo;main;a;b",
    "all;demo;main;c;b",
    "all;other;main;a;a",
    "all;other;main;a;a;b",
  ]);
});

Deno.test("flameModel() keeps children within their parent, for any graph", () => {
  fc.assert(fc.property(graphs, (graph) => {
    const model = flameModel(graph);
    for (let box = 1; box < model.name.length; box++) {
      const parent = model.parent[box]!;
      assertEquals(model.level[parent], model.level[box]! - 1);
      assertEquals(model.start[parent]! <= model.start[box]!, true);
      assertEquals(
        model.start[box]! + model.width[box]! <= model.start[parent]! + model.width[parent]!,
        true,
      );
      const [first, end] = descendantsAt(model, parent, model.level[box]!);
      assertEquals(first <= box && box < end, true);
    }
  }));
});

Deno.test("hotFunctions() counts a function in itself once, and all self values are the total", () => {
  const model = flameModel(graphOf(...LINES));
  const rows = hotFunctions(model).map(({ name, self, total }) => [model.names[name], self, total]);
  assertEquals(rows.sort(), [["a", 10, 47], ["b", 42, 42], ["c", 0, 5], ["main", 0, 52]]);
  fc.assert(fc.property(graphs, (graph) => {
    const model = flameModel(graph);
    assertEquals(hotFunctions(model).reduce((sum, { self }) => sum + self, 0), model.total);
  }));
});

Deno.test("hotFunctions() of a box has its descendants alone", () => {
  const model = flameModel(graphOf(...LINES));
  const c = model.name.findIndex((name) => model.names[name] === "c");
  const rows = hotFunctions(model, c).map(({ name, self, total }) => [model.names[name], self, total]);
  assertEquals(rows, [["c", 0, 5], ["b", 5, 5]]);
});

Deno.test("boxOfHash() finds the box of pathHash() again, in another graph too", () => {
  fc.assert(fc.property(graphs, (graph) => {
    const model = flameModel(graph);
    for (let box = 0; box < model.name.length; box++) {
      assertEquals(boxOfHash(model, pathHash(model, box)), box);
    }
  }));
  const before = flameModel(graphOf(...LINES));
  const after = flameModel(graphOf("aaa;main 99", ...LINES, "demo;main;a;aa 3"));
  const box = before.name.findIndex((name) => before.names[name] === "c");
  const again = boxOfHash(after, pathHash(before, box));
  assertEquals(pathOf(after, again).map((at) => after.names[after.name[at]!]), ["all", "demo", "main", "c"]);
  assertEquals(boxOfHash(after, "nosuch"), 0);
});
