// SPDX-License-Identifier: Apache-2.0
/**
 * Makes up the flame graph that the page and its rivals show, and writes it as each of them reads it.
 *
 * @module
 */

import { treeOf } from "../aggregator/ui/flame/tree.ts";
import { flameModel } from "../aggregator/ui/flame/model.ts";
import { speedscopeText } from "../aggregator/ui/flame/export.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import { type FlameGraph, flameGraph } from "../profile/flame.ts";
import { randomOf } from "../tests/support/fleet.ts";

const FUNCTIONS = 4000;
const MODULES = ["/usr/bin/shop", "/usr/lib/libc.so.6", "/usr/lib/libssl.so.3", "[jit]", "[kernel]"] as const;
const THREADS = ["main", "worker", "gc", "io"] as const;
const DEEPEST = 90;
/** A sample stands for so much time. */
export const SAMPLE_NS = 10_101_010;

interface Node {
  readonly children: Map<number, Node>;
}

/**
 * Returns a graph of at least `nodes` boxes, the same for the same number: few callees take most of each caller's time,
 * as programs do, and stacks end at all depths.
 */
export function largeGraph(nodes: number): FlameGraph {
  const random = randomOf(nodes);
  const builder = new ProfileBuilder();
  const rows = Array.from({ length: FUNCTIONS }, (_, i) => {
    const name = `ns${i % 61}::Part${i % 397}::${["read", "write", "parse", "visit", "hash"][i % 5]}_${i}`;
    const module = MODULES[i % MODULES.length]!;
    return builder.frame({ function: name, module, file: "", line: 0, buildId: "", address: 0 });
  });
  const root: Node = { children: new Map() };
  for (let made = 1 + THREADS.length; made < nodes;) {
    const thread = Math.floor(random() ** 2 * THREADS.length);
    const depth = 8 + Math.floor((DEEPEST - 8) * random() ** 1.5);
    const path: number[] = [];
    let [at, caller] = [childOf(root, thread), thread];
    for (let level = 0; level < depth; level++) {
      caller = (caller * 31 + level * 7 + Math.floor(random() ** 4 * 6)) % FUNCTIONS;
      path.push(caller);
      if (!at.children.has(caller)) made++;
      at = childOf(at, caller);
    }
    const series = builder.series({ pid: 1, comm: THREADS[thread]! });
    builder.add("cpu", series, builder.stack(path.toReversed().map((row) => rows[row]!)), SAMPLE_NS, 1);
  }
  return flameGraph(builder.build(), { kind: "cpu" });
}

function childOf({ children }: Node, name: number): Node {
  let child = children.get(name);
  if (!child) children.set(name, child = { children: new Map() });
  return child;
}

/** Returns the file that speedscope opens. */
export function speedscopeFile(graph: FlameGraph): string {
  return speedscopeText({ bench: treeOf(flameModel(graph)) }, { name: "bench", unit: "nanoseconds" });
}

/** Is a graph as Grafana's panel reads it: a row for each box, a box before those that it calls. */
export interface NestedSet {
  readonly level: readonly number[];
  readonly value: readonly number[];
  readonly self: readonly number[];
  readonly label: readonly string[];
}

/** Returns the graph for Grafana's panel. */
export function nestedSet(graph: FlameGraph): NestedSet {
  const set = { level: [] as number[], value: [] as number[], self: [] as number[], label: [] as string[] };
  const next = graph.levels.map(() => 0);
  const put = (level: number, end: number) => {
    const boxes = graph.levels[level];
    if (!boxes) return;
    for (; next[level]! < boxes.start.length && boxes.start[next[level]!]! < end; next[level]!++) {
      const box = next[level]!;
      set.level.push(level);
      set.value.push(boxes.width[box]!);
      set.self.push(boxes.self[box]!);
      set.label.push(graph.names[boxes.name[box]!]!);
      put(level + 1, boxes.start[box]! + boxes.width[box]!);
    }
  };
  put(0, graph.total);
  return set;
}
