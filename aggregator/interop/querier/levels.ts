// SPDX-License-Identifier: Apache-2.0
/**
 * Lays a tree of functions out as levels of bars, in the field's form: of each bar its distance from the end of the one
 * before it, its total, its self, for each side, and the number of its name.
 *
 * @module
 */

import { OTHER } from "../../../profile/flame.ts";
import type { CallNode } from "./call_tree.ts";

/** Is a flame graph in the field's form. */
export interface Levels {
  /** The first is the whole's. */
  readonly names: readonly string[];
  readonly levels: readonly (readonly number[])[];
  /** Sums both sides, where there are two. */
  readonly total: number;
  readonly maxSelf: number;
  /** Holds each side's own total. */
  readonly sides: readonly number[];
}

/** Is the name of the whole. */
export const WHOLE = "total";

interface Placed {
  readonly name: number;
  readonly node: CallNode;
  /** Says where it begins, on each side. */
  readonly at: readonly number[];
}

/**
 * Lays out the tree below `root`. A bar's own part is at its left end; its children follow without gaps in the order of
 * their names, `other` last. Nodes that took nothing have no bar.
 */
export function layOut(root: CallNode): Levels {
  const names = [WHOLE];
  const numbers = new Map([[WHOLE, 0]]);
  const levels: number[][] = [];
  let maxSelf = 0;
  let row: Placed[] = [{ name: 0, node: root, at: root.total.map(() => 0) }];
  while (row.length > 0) {
    const ends = root.total.map(() => 0);
    const bars: number[] = [];
    const next: Placed[] = [];
    for (const { name, node, at } of row) {
      node.total.forEach((total, side) => {
        bars.push(at[side]! - ends[side]!, total, node.self[side]!);
        ends[side] = at[side]! + total;
      });
      bars.push(name);
      maxSelf = Math.max(maxSelf, ...node.self);
      const begin = at.map((start, side) => start + node.self[side]!);
      for (const [text, child] of inOrder(node.children)) {
        if (child.total.every((total) => total === 0)) continue;
        let number = numbers.get(text);
        if (number === undefined) numbers.set(text, number = names.push(text) - 1);
        next.push({ name: number, node: child, at: [...begin] });
        child.total.forEach((total, side) => begin[side]! += total);
      }
    }
    levels.push(bars);
    row = next;
  }
  const total = root.total.reduce((sum, value) => sum + value, 0);
  return { names, levels, total, maxSelf, sides: root.total };
}

/** A function that is called as the whole is keeps its own place, as bars are told apart by where they are. */
function inOrder(children: ReadonlyMap<string, CallNode>): [string, CallNode][] {
  return [...children].sort(([a], [b]) => {
    if (a === OTHER || b === OTHER) return a === b ? 0 : a === OTHER ? 1 : -1;
    return a < b ? -1 : 1;
  });
}
