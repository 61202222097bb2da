// SPDX-License-Identifier: Apache-2.0
/**
 * Lays out the tree of two profiles as a flame graph whose boxes know what each side is worth.
 *
 * @module
 */

import type { FlameGraph, FlameLevel } from "./flame.ts";
import { prunedGraph, type TreeNode } from "./pruned_tree.ts";

/** Is a level of boxes that are as wide as both sides together; what is not the base's is of the other side. */
export interface DiffLevel extends FlameLevel {
  /** Says what of `width` and of `self` is the base's. */
  readonly base: number[];
  readonly base_self: number[];
}

export interface DiffGraph extends FlameGraph {
  readonly levels: readonly DiffLevel[];
}

/** Is a box of both sides: `width` and `self` are sums of the two. */
export interface DiffNode extends TreeNode {
  readonly base: number;
  readonly baseSelf: number;
}

export interface PrunedDiff {
  readonly graph: DiffGraph;
  /** Is what is in boxes `other`, of both sides. */
  readonly cut: number;
  /** Lists the rows of the nodes that have a box `other`, in the order of these boxes: level by level. */
  readonly cutBelow: readonly number[];
}

/** Lays `nodes` out as `prunedGraph()` does; a box `other` has what its parent is worth beyond its other children. */
export function diffGraph(nodes: readonly DiffNode[], unit: FlameGraph["unit"]): PrunedDiff {
  const { graph, boxes, cut, cutBelow } = prunedGraph(nodes, unit);
  const rest = nodes.map(({ base, baseSelf }) => base - baseSelf);
  nodes.forEach(({ parent, base }) => {
    if (parent !== undefined) rest[parent]! -= base;
  });
  const levels = graph.levels.map((level, depth): DiffLevel => {
    const rows = boxes[depth] ?? [];
    return {
      ...level,
      base: rows.map(({ row, isOther }) => isOther ? rest[row]! : nodes[row]!.base),
      base_self: rows.map(({ row, isOther }) => isOther ? rest[row]! : nodes[row]!.baseSelf),
    };
  });
  // A graph of nothing has one box without a node.
  const [first] = levels;
  if (nodes.length === 0 && first) {
    return { graph: { ...graph, levels: [{ ...first, base: [0], base_self: [0] }] }, cut, cutBelow };
  }
  return { graph: { ...graph, levels }, cut, cutBelow };
}
