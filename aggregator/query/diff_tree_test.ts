// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { DiffGraph } from "../../profile/diff_graph.ts";
import { type FlameGraph, OTHER } from "../../profile/flame.ts";
import { testWith } from "../../tests/support/needs.ts";
import { FIRST_MS } from "../../tests/support/random_batches.ts";
import type { TreeOptions } from "./stack_answers.ts";
import { everything, storeBatches } from "../../tests/support/stored_batches.ts";

/** Holds what each box is worth on either side, by the names from the root. */
type Boxes = Map<string, { readonly base: number; readonly compare: number; readonly self: number }>;

/** `base` says what of a box is the base's. */
function boxesOf(
  { levels, names, modules }: FlameGraph,
  base: (depth: number, i: number) => number,
): Boxes {
  const boxes: Boxes = new Map();
  let above: { path: string; start: number; end: number }[] = [];
  levels.forEach(({ start, width, self, name }, depth) => {
    above = start.map((from, i) => {
      const parent = above.find((box) => box.start <= from && from < box.end);
      const path = `${parent?.path ?? ""}\u0001${names[name[i]!]} ${modules[name[i]!]}`;
      const own = base(depth, i);
      boxes.set(path, { base: own, compare: width[i]! - own, self: self[i]! });
      return { path, start: from, end: from + width[i]! };
    });
  });
  return boxes;
}

const sides = (graph: DiffGraph) => boxesOf(graph, (depth, i) => graph.levels[depth]!.base[i]!);
const widths = (graph: FlameGraph) =>
  new Map([...boxesOf(graph, () => 0)].map(([path, { compare }]) => [path, compare]));

testWith(
  ["chdb"],
  "diffTree() is the trees of both sides, and what is cut is an other with both",
  async () => {
    await using stored = await storeBatches({ count: 30, seed: 5 });
    const { queries } = stored;
    for (const kind of ["cpu", "lock"] as const) {
      const all = everything(kind);
      const [base, compare] = [{ ...all, to: FIRST_MS + 30_000 }, { ...all, from: FIRST_MS + 20_000 }];
      const answer = await queries.diffTree(base, compare);
      const [before, after] = [await queries.tree(base), await queries.tree(compare)];
      for (
        const [side, { total: { value, count } }] of [[answer.base, before], [answer.compare, after]] as const
      ) {
        assertEquals(side, { total: value, count });
        assert(count > 0);
      }
      const boxes = sides(answer.graph);
      const of = (side: "base" | "compare") =>
        new Map([...boxes].map(([path, box]) => [path, box[side]] as const).filter(([, width]) => width > 0));
      assertEquals(of("base"), widths(before.graph));
      assertEquals(of("compare"), widths(after.graph));

      const cut = await queries.diffTree(base, compare, { maxNodes: 12 });
      assertEquals([cut.base, cut.compare], [answer.base, answer.compare]);
      assert(cut.cut.nodes > 0 && cut.cut.below.length > 0);
      let others = 0;
      for (const [path, box] of sides(cut.graph)) {
        if (path.endsWith(`${OTHER} `)) others += box.base + box.compare;
        else assertEquals(box, boxes.get(path));
      }
      assertEquals(others, cut.cut.total);
      checkSums(cut.graph);

      const rests = [...sides(cut.graph).keys()].filter((path) => path.endsWith(`${OTHER} `));
      for (const [i, under] of cut.cut.below.entries()) {
        const parent = rests[i]!.slice(0, rests[i]!.lastIndexOf("\u0001"));
        const more = await queries.diffTree(base, compare, { under, maxNodes: 1_000_000 });
        assertEquals(more.cut.nodes, 0);
        const below = [...sides(more.graph)].filter(([path]) => path.startsWith(parent));
        assert(below.length > 1);
        for (const [path, box] of below) assertEquals(box, boxes.get(path));
      }
    }
  },
);

/** What is not a box's own is its children's, on either side. */
function checkSums({ levels }: DiffGraph): void {
  levels.forEach(({ start, width, self, base, base_self }, depth) => {
    const below = levels[depth + 1];
    start.forEach((from, i) => {
      const children = [...below?.start.keys() ?? []].filter((child) => {
        return below!.start[child]! >= from && below!.start[child]! < from + width[i]!;
      });
      const sum = (of: "width" | "base") => children.reduce((all, child) => all + below![of][child]!, 0);
      assertEquals([sum("width"), sum("base")], [width[i]! - self[i]!, base[i]! - base_self[i]!]);
    });
  });
}

testWith(
  ["chdb"],
  "diffTree() of a thing with itself is the same on both sides, by count as by time",
  async () => {
    await using stored = await storeBatches({ count: 10, seed: 6 });
    for (const value of ["value", "count"] as const) {
      const { graph, base, compare } = await stored.queries.diffTree(everything("cpu"), everything("cpu"), {
        value,
        firstLevels: [],
      });
      assertEquals(base, compare);
      for (const box of sides(graph).values()) assertEquals(box.base, box.compare);
    }
    const [cpu, lock] = [everything("cpu"), everything("lock")];
    await assertRejects(() => stored.queries.diffTree(cpu, lock), RangeError, "two kinds");
    const nothing = { ...cpu, to: cpu.from };
    const { graph } = await stored.queries.diffTree(nothing, nothing);
    assertEquals(graph.levels, [{ start: [0], width: [0], self: [0], name: [0], base: [0], base_self: [0] }]);
  },
);

testWith(["chdb"], "diffTree() takes the steps of trees, on both sides", async () => {
  await using stored = await storeBatches({ count: 10, seed: 6 });
  const { queries } = stored;
  const all = everything("cpu");
  const [base, compare] = [{ ...all, to: FIRST_MS + 30_000 }, { ...all, from: FIRST_MS + 20_000 }];
  const { rows: [first, second] } = await queries.aggregate(all, { limit: 2 });
  const [name, other] = [first!.group[0]!, second!.group[0]!];
  const steps: TreeOptions[] = [
    { inverted: true },
    { focus: name, hide: [other] },
    { around: { function: name, side: "callers" }, collapseRecursion: true },
    { around: { function: name, side: "callees" } },
    { collapseModules: [first!.module], firstLevels: [] },
  ];
  for (const step of steps) {
    const { graph } = await queries.diffTree(base, compare, step);
    const boxes = sides(graph);
    for (const [side, selection] of [["base", base], ["compare", compare]] as const) {
      const own = new Map(
        [...boxes].map(([path, box]) => [path, box[side]] as const).filter(([, w]) => w > 0),
      );
      assertEquals(own, widths((await queries.tree(selection, step)).graph));
    }
  }
});

const STARTS = { "_1m": "toStartOfMinute", "_1h": "toStartOfHour", "_1d": "toStartOfDay" };

testWith(["chdb"], "tables of all resolutions have the same sums of what is whole in each", async () => {
  await using stored = await storeBatches({ count: 30, seed: 8 });
  const columns: Readonly<Record<string, string>> = {
    samples: "kind, idle, node, series, stack, sum(value), sum(count)",
    profiles: "type, node, series, stack, sum(value), sum(count)",
    locks:
      "node, series, stack, class, outcome, sum(count), max(open), sum(delay), max(max), sumMap(histogram)",
    holds: "node, series, stack, class, sum(count), sum(total), max(max), sumMap(histogram)",
    syscalls:
      "node, series, call, sum(count), sum(total), min(min), max(max), sumMap(errors), sumMap(histogram)",
    slow_calls: "node, series, call, object, sum(count), sum(total), sum(on_cpu), sum(in_lock), max(max)",
  };
  for (const [table, sums] of Object.entries(columns)) {
    const suffixes = table === "samples" ? ["", "_1m", "_1h", "_1d"] : ["", "_1m", "_1h"];
    const keys = sums.split(", ").filter((column) => !column.includes("(")).join(", ");
    for (const [coarsest, start] of Object.entries(STARTS)) {
      const finer = suffixes.slice(0, suffixes.indexOf(coarsest) + 1);
      const answers = await Promise.all(finer.map((suffix) =>
        stored.client.rows(
          `SELECT ${start}(time) AS at, ${
            sums.replaceAll(/\((\w+)\)/g, "(t.$1)").split(", ").map((column, i) => `${column} AS c${i}`).join(
              ", ",
            )
          } FROM ${table}${suffix} AS t GROUP BY at, ${keys} ORDER BY at, ${keys}`,
        )
      ));
      for (const answer of answers) assertEquals(answer, answers[0]);
      if (table === "samples") assert(answers[0]!.length > 10);
    }
  }
});
