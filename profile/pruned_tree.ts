// SPDX-License-Identifier: Apache-2.0
/**
 * Lays a tree out as a flame graph whose small boxes were cut already: what is missing below a box is its `other`.
 *
 * @module
 */

import { ALL, type FlameGraph, type FlameLevel, OTHER } from "./flame.ts";

/** Is a box that was kept. */
export interface TreeNode {
  /**
   * Is the row of `nodes`; the root has none. A parent that is not there is not possible: it is as wide as its child.
   */
  readonly parent: number | undefined;
  readonly name: string;
  /** The module is "" for what is no function. */
  readonly module: string;
  readonly width: number;
  /** Is what ends here: no box stands on it. */
  readonly self: number;
}

export interface PrunedGraph {
  readonly graph: FlameGraph;
  /** Is what is in boxes `other`. */
  readonly cut: number;
  /** Lists the rows of the nodes that have a box `other`, in the order of these boxes: level by level. */
  readonly cutBelow: readonly number[];
  /** Says of each box of each level which row of the nodes it is, or whose `other`; a graph of nothing has none. */
  readonly boxes: readonly (readonly { readonly row: number; readonly isOther: boolean }[])[];
}

/**
 * Lays `nodes` out, the first of which is the root. Siblings stand in the order of their names (by UTF-16 unit, then by
 * module), and after them one `other` with what their parent is worth beyond them and its own.
 */
export function prunedGraph(nodes: readonly TreeNode[], unit: FlameGraph["unit"]): PrunedGraph {
  const names = new Names();
  const levels: FlameLevel[] = [];
  const boxes: { row: number; isOther: boolean }[][] = [];
  const children: number[][] = nodes.map(() => []);
  nodes.forEach(({ parent }, i) => {
    if (parent !== undefined) children[parent]!.push(i);
  });
  let cut = 0;
  const put = (depth: number, box: { start: number; width: number; self: number; name: number }) => {
    const level = levels[depth] ??= { start: [], width: [], self: [], name: [] };
    level.start.push(box.start);
    level.width.push(box.width);
    level.self.push(box.self);
    level.name.push(box.name);
  };
  const place = (row: number, depth: number, start: number) => {
    const { name, module, width, self } = nodes[row]!;
    (boxes[depth] ??= []).push({ row, isOther: false });
    put(depth, { start, width, self, name: depth === 0 ? names.of(ALL, "") : names.of(name, module) });
    const ordered = children[row]!.sort((a, b) => compare(nodes[a]!, nodes[b]!));
    let at = start;
    for (const child of ordered) {
      place(child, depth + 1, at);
      at += nodes[child]!.width;
    }
    const rest = start + width - self - at;
    if (rest <= 0) return;
    cut += rest;
    (boxes[depth + 1] ??= []).push({ row, isOther: true });
    put(depth + 1, { start: at, width: rest, self: rest, name: names.of(OTHER, "") });
  };
  if (nodes.length > 0) place(0, 0, 0);
  else put(0, { start: 0, width: 0, self: 0, name: names.of(ALL, "") });
  const total = nodes[0]?.width ?? 0;
  return {
    graph: { unit, total, names: names.names, modules: names.modules, levels },
    cut,
    cutBelow: boxes.flat().filter(({ isOther }) => isOther).map(({ row }) => row),
    boxes,
  };
}

function compare(a: TreeNode, b: TreeNode): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.module < b.module ? -1 : a.module > b.module ? 1 : 0;
}

/** Numbers pairs of name and module. */
class Names {
  readonly names: string[] = [];
  readonly modules: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(name: string, module: string): number {
    const key = `${name}\0${module}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      this.#numbers.set(key, number = this.names.push(name) - 1);
      this.modules.push(module);
    }
    return number;
  }
}
