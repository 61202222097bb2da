// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { flameGraph } from "../../profile/flame.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import type { Node } from "../report/tree.ts";
import { callTree, treeLines } from "../report/tree.ts";
import { nodesOf } from "./call_tree.ts";

/** Checks that children fit into their parents, and counts the nodes. */
function count({ value, children }: Node): number {
  const inside = [...children.values()];
  assertEquals(inside.reduce((sum, child) => sum + child.value, 0) <= value, true);
  return inside.reduce((sum, child) => sum + 1 + count(child), 0);
}

Deno.test("nodesOf() puts each box of a flame graph below the one that it is in", () => {
  const batch = makeBatch({ samples: 300, functions: 12, depth: 5 });
  const graph = flameGraph(batch, { kind: "cpu" });
  const root = nodesOf(graph);
  assertEquals(root.value, graph.total);
  assertEquals(count(root), graph.levels.slice(1).reduce((sum, { start }) => sum + start.length, 0));
});

Deno.test("treeLines() shows the largest nodes below their parents, and counts the others", () => {
  const tree = callTree(makeBatch({ samples: 50, functions: 4, depth: 3 }), "cpu");
  const all = treeLines(tree, Infinity);
  assertEquals(all.left, 0);
  const some = treeLines(tree, 5);
  assertEquals([some.lines.length, some.left], [5, all.lines.length - 5]);
  assertEquals(some.lines[0]!.value, tree.value);
});
