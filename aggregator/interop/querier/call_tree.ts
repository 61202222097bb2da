// SPDX-License-Identifier: Apache-2.0
/**
 * Is a tree of functions by their names alone, as the field shows stacks.
 *
 * @module
 */

import { type FlameGraph, OTHER } from "../../../profile/flame.ts";

/** Holds what one function took where it was called by its parents: one value, or one for each side of a comparison. */
export interface CallNode {
  /** Holds what ended here, and what passed through. */
  readonly self: number[];
  readonly total: number[];
  readonly children: Map<string, CallNode>;
}

/** Stands for a name that is empty: the field would take it for the whole. */
const UNKNOWN = "[unknown]";

/** Makes a node of nothing, with `sides` values each. */
export function emptyNode(sides: number): CallNode {
  return { self: new Array(sides).fill(0), total: new Array(sides).fill(0), children: new Map() };
}

/**
 * Adds the boxes of `graph`, which has functions from its first level on, to side `side` of the tree below `root`.
 * Functions of one name are one.
 */
export function addGraph(root: CallNode, graph: FlameGraph, side = 0): void {
  const sides = root.self.length;
  let above: CallNode[] = [];
  graph.levels.forEach((level, depth) => {
    const parents = graph.levels[depth - 1];
    let parent = 0;
    above = level.start.map((start, i) => {
      let node = root;
      if (parents) {
        while (start >= parents.start[parent]! + parents.width[parent]!) parent++;
        const name = graph.names[level.name[i]!] || UNKNOWN;
        const { children } = above[parent]!;
        node = children.get(name) ?? emptyNode(sides);
        children.set(name, node);
      }
      node.self[side]! += level.self[i]!;
      node.total[side]! += level.width[i]!;
      return node;
    });
  });
}

/** Keeps the `maxNodes` largest nodes below `root`; what is cut of one parent is one child `other`. */
export function prune(root: CallNode, maxNodes: number): void {
  const totals: number[] = [];
  visit(root, (node) => totals.push(weight(node)));
  totals.shift();
  if (totals.length <= maxNodes) return;
  totals.sort((a, b) => b - a);
  const least = totals[maxNodes - 1] ?? Infinity;
  // Of nodes of the same size only so many are kept that there are not too many: those nearest to the root.
  let ties = maxNodes - totals.findIndex((total) => total <= least);
  let level = [root];
  while (level.length > 0) {
    const next: CallNode[] = [];
    for (const node of level) {
      const cut: CallNode[] = [];
      for (const [name, child] of node.children) {
        const size = weight(child);
        if (size > least || (size === least && ties-- > 0)) next.push(child);
        else {
          cut.push(child);
          node.children.delete(name);
        }
      }
      if (cut.length > 0) addOther(node, cut);
    }
    level = next;
  }
}

function addOther(parent: CallNode, cut: readonly CallNode[]): void {
  const sum = cut[0]!.total.map((_, side) => cut.reduce((total, child) => total + child.total[side]!, 0));
  // A function that is called so is a part of it: its own children are not shown.
  const known = parent.children.get(OTHER);
  const whole = sum.map((value, side) => value + (known?.total[side] ?? 0));
  parent.children.set(OTHER, { self: whole, total: [...whole], children: new Map() });
}

/** Visits a node before its children. */
export function visit(node: CallNode, see: (node: CallNode) => void): void {
  const stack = [node];
  for (let at; (at = stack.pop());) {
    see(at);
    stack.push(...at.children.values());
  }
}

function weight({ total }: CallNode): number {
  return total.reduce((sum, value) => sum + value, 0);
}
