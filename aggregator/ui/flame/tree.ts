// SPDX-License-Identifier: Apache-2.0
/**
 * Holds a flame graph as a tree, which can be changed: functions left out, parts put in, two of them compared.
 *
 * @module
 */

import { ALL, type FlameGraph, type FlameLevel, OTHER } from "../../../profile/flame.ts";
import { type FlameModel, flameModel, isOther } from "./model.ts";

export interface Tree {
  readonly name: string;
  readonly module: string;
  value: number;
  self: number;
  /** Is the name by which what was cut here is asked for. */
  readonly below?: string | undefined;
  children: Tree[];
}

/** Returns the boxes of `model` as a tree; box 0 is its root. */
export function treeOf(model: FlameModel): Tree {
  const nodes = Array.from(model.name, (name, box): Tree => ({
    name: model.names[name]!,
    module: model.modules[name]!,
    value: model.width[box]!,
    self: model.self[box]!,
    below: model.below.get(box),
    children: [],
  }));
  for (let box = 1; box < nodes.length; box++) nodes[model.parent[box]!]!.children.push(nodes[box]!);
  return nodes[0] ?? { name: ALL, module: "", value: 0, self: 0, children: [] };
}

/** Lays `root` out: siblings stand in the order of their names, what was cut last. */
export function modelOf(root: Tree, unit: FlameGraph["unit"]): FlameModel {
  const names = new Map<string, number>();
  const texts: string[] = [];
  const modules: string[] = [];
  const nameOf = ({ name, module }: Tree) => {
    const key = `${name}\0${module}`;
    let row = names.get(key);
    if (row === undefined) {
      names.set(key, row = texts.push(name) - 1);
      modules.push(module);
    }
    return row;
  };
  const levels: FlameLevel[] = [];
  const below: string[] = [];
  for (let row: [Tree, number][] = [[root, 0]]; row.length > 0;) {
    const level: FlameLevel = { start: [], width: [], self: [], name: [] };
    const next: [Tree, number][] = [];
    for (const [node, start] of row) {
      level.start.push(start);
      level.width.push(node.value);
      level.self.push(node.self);
      level.name.push(nameOf(node));
      if (node.below !== undefined) below.push(node.below);
      let at = start;
      for (const child of node.children.sort(byName)) {
        next.push([child, at]);
        at += child.value;
      }
    }
    levels.push(level);
    row = next;
  }
  return flameModel({ unit, total: root.value, names: texts, modules, levels }, below);
}

/**
 * Leaves functions out for which `test` is true: what they call is called by their callers, and their own time is the
 * callers' own. What is no code stays.
 */
export function leaveOut(root: Tree, test: (name: string, module: string) => boolean): Tree {
  const visit = (node: Tree): Tree => {
    const kept: Tree = { ...node, children: [] };
    for (const child of node.children) {
      const changed = visit(child);
      if (child.module === "" || !test(child.name, child.module)) kept.children.push(changed);
      else {
        kept.self += changed.self;
        kept.children.push(...changed.children);
      }
    }
    kept.children = merge(kept.children);
    return kept;
  };
  return visit(root);
}

/** Counts what is in functions for which `test` is true themselves. */
export function selfOf(root: Tree, test: (name: string, module: string) => boolean): number {
  let sum = root.module !== "" && test(root.name, root.module) ? root.self : 0;
  for (const child of root.children) sum += selfOf(child, test);
  return sum;
}

/**
 * Puts what was cut in its place.
 *
 * @param part is the answer to what was asked below the node that lost it: its chain from the root, and what is below
 */
export function putIn(root: Tree, below: string, part: Tree): Tree {
  const visit = (node: Tree, by: Tree | undefined): Tree => {
    if (!by) return node;
    if (node.children.some((child) => child.below === below)) {
      return { ...node, children: [...by.children] };
    }
    const children = node.children.map((child) =>
      visit(child, by.children.find(({ name, module }) => name === child.name && module === child.module))
    );
    return { ...node, children };
  };
  return visit(root, part);
}

/** Makes one of siblings of one name. */
function merge(nodes: readonly Tree[]): Tree[] {
  const known = new Map<string, Tree>();
  const changed = new Set<Tree>();
  for (const node of nodes) {
    const key = `${node.name}\0${node.module}\0${node.below ?? ""}`;
    const before = known.get(key);
    if (!before) {
      known.set(key, { ...node, children: [...node.children] });
      continue;
    }
    before.value += node.value;
    before.self += node.self;
    before.children.push(...node.children);
    changed.add(before);
  }
  for (const node of changed) node.children = merge(node.children);
  return [...known.values()];
}

function byName(a: Tree, b: Tree): number {
  const rest = Number(isRest(a)) - Number(isRest(b));
  if (rest !== 0) return rest;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.module < b.module ? -1 : a.module > b.module ? 1 : 0;
}

/** Returns whether a node is the box of what was cut. */
export function isRest({ name, module }: Pick<Tree, "name" | "module">): boolean {
  return name === OTHER && module === "";
}

/** Returns the names on the way to `box` as one line: root first, with semicolons between them. */
export function stackText(model: FlameModel, box: number): string {
  const names: string[] = [];
  for (let at = box; at !== 0; at = model.parent[at]!) {
    if (!isOther(model, model.name[at]!)) names.unshift(model.names[model.name[at]!]!);
  }
  return names.join(";");
}
