// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { flameGraph, OTHER } from "../../../profile/flame.ts";
import { ProfileBuilder } from "../../../profile/builder.ts";
import { anyProfile, demoFrame } from "../../../tests/support/profiles.ts";
import { addGraph, type CallNode, emptyNode, prune, visit } from "./call_tree.ts";
import { layOut, type Levels } from "./levels.ts";

/** Makes a tree of stacks from the root on, with a value for each side. */
function grow(
  stacks: readonly (readonly [path: readonly string[], ...values: number[]])[],
  sides = 1,
): CallNode {
  const root = emptyNode(sides);
  for (const [path, ...values] of stacks) {
    let node = root;
    const add = (of: "self" | "total") => values.forEach((value, side) => node[of][side]! += value);
    add("total");
    for (const name of path) {
      const child: CallNode = node.children.get(name) ?? emptyNode(sides);
      node.children.set(name, child);
      node = child;
      add("total");
    }
    add("self");
  }
  return root;
}

/** Reads levels as a client does: a bar's parent is the one whose interval it is in. */
function decode({ names, levels }: Levels, sides: number): CallNode {
  const width = 3 * sides + 1;
  interface Bar {
    readonly node: CallNode;
    readonly at: readonly number[];
  }
  let above: Bar[] = [];
  let root = emptyNode(sides);
  levels.forEach((values, depth) => {
    assertEquals(values.length % width, 0);
    const ends = new Array(sides).fill(0);
    const bars: Bar[] = [];
    for (let i = 0; i < values.length; i += width) {
      const of = (side: number) => values.slice(i + 3 * side, i + 3 * side + 3) as [number, number, number];
      const at = ends.map((end, side) => end + of(side)[0]);
      const node = emptyNode(sides);
      for (let side = 0; side < sides; side++) {
        const [delta, total, self] = of(side);
        assert(delta >= 0, "bars are in order");
        [node.total[side], node.self[side]] = [total, self];
        ends[side] = at[side]! + total;
      }
      assert(depth === 0 || node.total.some((total) => total > 0), "a bar without a width");
      const name = names[values[i + width - 1]!]!;
      if (depth === 0) root = node;
      else {
        const parents = above.filter((bar) =>
          node.total.every((total, side) =>
            at[side]! >= bar.at[side]! && at[side]! + total <= bar.at[side]! + bar.node.total[side]!
          )
        );
        const parent = parents.find((bar) => !bar.node.children.has(name))!;
        parent.node.children.set(name, node);
      }
      bars.push({ node, at });
    }
    above = bars;
  });
  return root;
}

function plain(node: CallNode): unknown {
  const children = [...node.children].map(([name, child]) => [name, plain(child)] as const);
  return [node.self, node.total, Object.fromEntries(children.sort(([a], [b]) => a < b ? -1 : 1))];
}

const stacks = fc.array(
  fc.tuple(
    fc.array(fc.constantFrom("main", "a", "b", "c", OTHER, "total"), { minLength: 1, maxLength: 6 }),
    fc.integer({ min: 1, max: 50 }),
  ),
  { maxLength: 30 },
);

Deno.test("layOut() puts a bar's own part first, and its children behind it in the order of names", () => {
  const root = grow([[["main"], 1], [["main", "a"], 2], [["main", "a", "b"], 3], [["main", "c"], 1]]);
  assertEquals(layOut(root), {
    names: ["total", "main", "a", "c", "b"],
    levels: [[0, 7, 0, 0], [0, 7, 1, 1], [1, 5, 2, 2, 0, 1, 1, 3], [3, 3, 3, 4]],
    total: 7,
    maxSelf: 3,
    sides: [7],
  });
});

Deno.test("layOut() has distances of each side on their own", () => {
  const root = grow([[["main", "a"], 3, 1], [["main", "b"], 1, 0], [["main", "c"], 0, 4]], 2);
  assertEquals(layOut(root), {
    names: ["total", "main", "a", "b", "c"],
    levels: [
      [0, 4, 0, 0, 5, 0, 0],
      [0, 4, 0, 0, 5, 0, 1],
      [0, 3, 3, 0, 1, 1, 2, 0, 1, 1, 0, 0, 0, 3, 0, 0, 0, 0, 4, 4, 4],
    ],
    total: 9,
    maxSelf: 4,
    sides: [4, 5],
  });
  assertEquals(layOut(emptyNode(2)).levels, [[0, 0, 0, 0, 0, 0, 0]]);
});

Deno.test("layOut() of nothing is the whole alone", () => {
  assertEquals(layOut(emptyNode(1)), {
    names: ["total"],
    levels: [[0, 0, 0, 0]],
    total: 0,
    maxSelf: 0,
    sides: [0],
  });
});

Deno.test("layOut() is read again as the tree that it was", () => {
  fc.assert(fc.property(stacks, (given) => {
    const root = grow(given);
    const laid = layOut(root);
    assertEquals(plain(decode(laid, 1)), plain(root));
    assertEquals(new Set(laid.names).size, laid.names.length);
    let self = 0;
    visit(root, (node) => self += node.self[0]!);
    assertEquals(self, laid.total);
  }));
});

Deno.test("prune() keeps the largest, and what is cut in one other of each parent", () => {
  fc.assert(fc.property(stacks, fc.integer({ min: 1, max: 20 }), (given, maxNodes) => {
    const root = grow(given);
    prune(root, maxNodes);
    const laid = layOut(root);
    const bars = laid.levels.slice(1).flat();
    const kept = bars.filter((value, i) => i % 4 === 3 && laid.names[value] !== OTHER).length;
    assert(kept <= maxNodes, `${kept} of ${maxNodes}`);
    let self = 0;
    visit(root, (node) => {
      self += node.self[0]!;
      const children = [...node.children.values()].reduce((sum, child) => sum + child.total[0]!, 0);
      assertEquals(node.total[0], node.self[0]! + children);
    });
    assertEquals(self, given.reduce((sum, [, value]) => sum + value, 0));
  }));
});

Deno.test("addGraph() merges functions of one name, and has all of the graph", () => {
  const builder = new ProfileBuilder();
  const frame = (name: string, module: string) => builder.frame(demoFrame(name, { module }));
  const series = builder.series({});
  for (const module of ["/a", "/b"]) {
    builder.add("cpu", series, builder.stack([frame("leaf", module), frame("", module)]), 2, 1);
  }
  const root = emptyNode(1);
  addGraph(root, functionsOf(builder.build()));
  assertEquals(plain(root), [[0], [4], { "[unknown]": [[0], [4], { leaf: [[4], [4], {}] }] }]);

  fc.assert(fc.property(anyProfile, (profile) => {
    const graph = functionsOf(profile);
    const root = emptyNode(1);
    addGraph(root, graph);
    let self = 0;
    visit(root, (node) => self += node.self[0]!);
    assertEquals([root.total[0], self], [graph.total, graph.total]);
  }));
});

/** Returns a graph that has functions from its first level on, as storage answers it. */
function functionsOf(profile: Parameters<typeof flameGraph>[0]) {
  const builder = new ProfileBuilder();
  builder.merge(profile);
  return flameGraph(builder.build(), { kind: "cpu", firstLevels: [] });
}
