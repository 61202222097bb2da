// SPDX-License-Identifier: Apache-2.0
/**
 * Sums what there is to know of a function in a graph.
 *
 * @module
 */

import { boxesOf, descendantsAt, type FlameModel, isOther } from "../flame/model.ts";

export interface Neighbour {
  /** Is the row of the names. */
  readonly name: number;
  readonly value: number;
}

/** Holds sums over all boxes of one function. */
export interface FunctionSums {
  readonly self: number;
  /** Sums the stacks through it, each once. */
  readonly total: number;
  readonly boxes: number;
  /** The largest come first. */
  readonly callers: readonly Neighbour[];
  readonly callees: readonly Neighbour[];
  /** Are the boxes of the first levels, processes and threads, that it runs in. */
  readonly roots: readonly Neighbour[];
}

const MOST = 5;

/** Returns the sums of the function in row `name` of the names. */
export function sumFunction(model: FlameModel, name: number): FunctionSums {
  const [callers, callees, roots] = [
    new Map<number, number>(),
    new Map<number, number>(),
    new Map<number, number>(),
  ];
  const add = (sums: Map<number, number>, key: number, value: number) =>
    sums.set(key, (sums.get(key) ?? 0) + value);
  let [self, total, boxes] = [0, 0, 0];
  for (const box of boxesOf(model, name)) {
    if (box === 0) continue;
    boxes++;
    self += model.self[box]!;
    const { root, isWithinItself } = above(model, box);
    if (!isWithinItself) {
      total += model.width[box]!;
      if (root !== 0) add(roots, model.name[root]!, model.width[box]!);
    }
    const parent = model.name[model.parent[box]!]!;
    if (model.modules[parent] !== "") add(callers, parent, model.width[box]!);
    const level = model.level[box]! + 1;
    if (level + 1 >= model.levelStart.length) continue;
    const [first, end] = descendantsAt(model, box, level);
    for (let child = first; child < end; child++) {
      if (!isOther(model, model.name[child]!)) add(callees, model.name[child]!, model.width[child]!);
    }
  }
  return { self, total, boxes, callers: largest(callers), callees: largest(callees), roots: largest(roots) };
}

/** Returns the nearest of a box's callers that is no code, and whether its function is among them. */
function above(model: FlameModel, box: number): { readonly root: number; readonly isWithinItself: boolean } {
  const name = model.name[box]!;
  let root: number | undefined = model.modules[name] === "" ? box : undefined;
  for (let at = box; at !== 0;) {
    at = model.parent[at]!;
    const row = model.name[at]!;
    if (row === name) return { root: 0, isWithinItself: true };
    if (root === undefined && model.modules[row] === "") root = at;
  }
  return { root: root ?? 0, isWithinItself: false };
}

function largest(sums: ReadonlyMap<number, number>): Neighbour[] {
  return [...sums].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value).slice(0, MOST);
}
