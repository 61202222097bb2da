// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { OTHER } from "../../../profile/flame.ts";
import { graphOf } from "../../../tests/support/graphs.ts";
import { flameModel } from "./model.ts";
import { leaveOut, modelOf, putIn, selfOf, stackText, type Tree, treeOf } from "./tree.ts";

const lines = fc.array(
  fc.tuple(
    fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 6 }),
    fc.integer({ min: 1, max: 99 }),
  ),
  { minLength: 1, maxLength: 30 },
).map((samples) => samples.map(([names, value]) => `demo;${names.join(";")} ${value}`));

const treeFrom = (...lines: string[]) => treeOf(flameModel(graphOf(...lines)));

/** Returns what each path is worth. */
function paths(tree: Tree, above = ""): [string, number][] {
  const path = `${above};${tree.name}`;
  return [[path, tree.value], ...tree.children.flatMap((child) => paths(child, path))];
}

function checkSums(tree: Tree): void {
  assertEquals(tree.value, tree.children.reduce((sum, { value }) => sum + value, tree.self), tree.name);
  tree.children.forEach(checkSums);
}

Deno.test("modelOf() of treeOf() is the same graph", () => {
  fc.assert(fc.property(lines, (lines) => {
    const model = flameModel(graphOf(...lines));
    const again = modelOf(treeOf(model), "nanoseconds");
    assertEquals([...again.start], [...model.start]);
    assertEquals([...again.self], [...model.self]);
    const names = ({ names, name }: typeof model) => [...name].map((row) => names[row]);
    assertEquals(names(again), names(model));
  }));
});

Deno.test("leaveOut() gives what a function takes to its callers, and keeps the sum, for any graph", () => {
  const tree = leaveOut(
    treeFrom("demo;main;a;b 30", "demo;main;a 10", "demo;main;b 5"),
    (name) => name === "a",
  );
  assertEquals(paths(tree), [
    [";all", 45],
    [";all;demo", 45],
    [";all;demo;main", 45],
    [";all;demo;main;b", 35],
  ]);
  fc.assert(fc.property(lines, fc.constantFrom("a", "b", "c"), (lines, left) => {
    const before = treeFrom(...lines);
    const after = leaveOut(before, (name) => name === left);
    checkSums(after);
    assertEquals(after.value, before.value);
    assert(paths(after).every(([path]) => !path.split(";").includes(left)));
    assertEquals(new Set(paths(after).map(([path]) => path)).size, paths(after).length);
  }));
});

Deno.test("selfOf() sums what functions take themselves", () => {
  const tree = treeFrom("demo;main;a;b 30", "demo;main;a 10", "demo;main;a;a 5");
  assertEquals(selfOf(tree, (name) => name === "a"), 15);
});

Deno.test("putIn() puts what was cut where it was, and nowhere else", () => {
  const cut: Tree = {
    ...treeFrom("demo;main;a 10", "demo;work;b 4"),
  };
  const main = cut.children[0]!.children.find(({ name }) => name === "main")!;
  main.children = [{ name: OTHER, module: "", value: 10, self: 10, below: "7", children: [] }];
  const whole = putIn(cut, "7", treeFrom("demo;main;x 3", "demo;main;y 7"));
  checkSums(whole);
  assertEquals(paths(whole).slice(2), [
    [";all;demo;main", 10],
    [";all;demo;main;x", 3],
    [";all;demo;main;y", 7],
    [";all;demo;work", 4],
    [";all;demo;work;b", 4],
  ]);
});

Deno.test("stackText() has the names from the root", () => {
  const model = flameModel(graphOf("demo;main;a;b 30"));
  assertEquals(stackText(model, model.name.length - 1), "demo;main;a;b");
});
