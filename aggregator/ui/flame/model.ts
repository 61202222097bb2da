// SPDX-License-Identifier: Apache-2.0
/**
 * Holds a flame graph for the page: boxes with parents, numbered level by level.
 *
 * @module
 */

import { type FlameGraph, OTHER } from "../../../profile/flame.ts";
import { hashOf } from "../../../profile/flame_color.ts";

/** Holds columns of boxes; box 0 is the whole. Boxes of level `l` are `levelStart[l]` to `levelStart[l + 1] - 1`. */
export interface FlameModel {
  readonly unit: FlameGraph["unit"];
  readonly total: number;
  readonly names: readonly string[];
  readonly modules: readonly string[];
  readonly levelStart: Uint32Array;
  readonly level: Uint16Array;
  readonly parent: Uint32Array;
  readonly start: Float64Array;
  readonly width: Float64Array;
  readonly self: Float64Array;
  readonly name: Uint32Array;
  /** Holds for boxes of what was cut the name by which it is asked for. */
  readonly below: ReadonlyMap<number, string>;
}

/**
 * Numbers the boxes of `graph` and finds their parents.
 *
 * @param below has a name for each box of what was cut, level by level
 */
export function flameModel(graph: FlameGraph, below: readonly string[] = []): FlameModel {
  const levelStart = new Uint32Array(graph.levels.length + 1);
  graph.levels.forEach(({ start }, l) => levelStart[l + 1] = levelStart[l]! + start.length);
  const size = levelStart.at(-1)!;
  const model = {
    unit: graph.unit,
    total: graph.total,
    names: graph.names,
    modules: graph.modules,
    levelStart,
    level: new Uint16Array(size),
    parent: new Uint32Array(size),
    start: new Float64Array(size),
    width: new Float64Array(size),
    self: new Float64Array(size),
    name: new Uint32Array(size),
    below: new Map<number, string>(),
  };
  graph.levels.forEach((level, l) => {
    const first = levelStart[l]!;
    model.start.set(level.start, first);
    model.width.set(level.width, first);
    model.self.set(level.self, first);
    model.name.set(level.name, first);
    model.level.fill(l, first, first + level.start.length);
    // Both levels stand from left to right: one walk finds all parents.
    let parent = l > 0 ? levelStart[l - 1]! : 0;
    for (let box = first; box < first + level.start.length; box++) {
      while (l > 0 && parent + 1 < first && model.start[parent + 1]! <= model.start[box]!) parent++;
      model.parent[box] = parent;
    }
  });
  let rest = 0;
  for (let box = 0; box < size; box++) {
    // A thread may be called so, too; but its time is not its own.
    const isRest = isOther(model, model.name[box]!) && model.self[box] === model.width[box];
    if (isRest && rest < below.length) model.below.set(box, below[rest++]!);
  }
  return model;
}

/** Returns the boxes from the whole to `box`. */
export function pathOf(model: FlameModel, box: number): number[] {
  const path = [box];
  for (let at = box; at !== 0;) path.push(at = model.parent[at]!);
  return path.reverse();
}

/** Returns the range of level `level`'s boxes that descend from `box`, which is of a level above them or the same. */
export function descendantsAt(model: FlameModel, box: number, level: number): [first: number, end: number] {
  const from = model.levelStart[level]!;
  const to = model.levelStart[level + 1]!;
  const left = model.start[box]!;
  return [
    firstFrom(model.start, { from, to, value: left }),
    firstFrom(model.start, { from, to, value: left + model.width[box]! }),
  ];
}

/** Returns what the state calls a function: its name, and its module behind a tab. */
export function functionKey({ names, modules }: FlameModel, name: number): string {
  return `${names[name]}\t${modules[name]}`;
}

/** Hashes of the ways to all boxes are needed whenever one is zoomed to. */
const hashesOf = new WeakMap<FlameModel, Uint32Array>();

/** Returns a short text that stands for the names on the way to `box`; equal in graphs that have the same way. */
export function pathHash(model: FlameModel, box: number): string {
  return box === 0 ? "" : pathHashes(model)[box]!.toString(36);
}

/** Returns the box of {@linkcode pathHash} `hash`; 0, the whole, when there is none now. */
export function boxOfHash(model: FlameModel, hash: string): number {
  const number = parseInt(hash, 36);
  return number.toString(36) === hash ? Math.max(0, pathHashes(model).indexOf(number, 1)) : 0;
}

function pathHashes(model: FlameModel): Uint32Array {
  let hashes = hashesOf.get(model);
  if (!hashes) {
    hashesOf.set(model, hashes = new Uint32Array(model.start.length));
    // Names are far fewer than boxes, and the first click waits for all of them.
    const names = Uint32Array.from(model.names, (name, row) => hashOf(`${name}\0${model.modules[row]}`));
    for (let box = 1; box < hashes.length; box++) {
      const mixed = Math.imul(hashes[model.parent[box]!]! ^ names[model.name[box]!]!, 0x01000193);
      // Else what is in the upper bits would never come down.
      hashes[box] = mixed ^ mixed >>> 15;
    }
  }
  return hashes;
}

/** All boxes of a function are needed whenever one is looked at: they are found without a walk over all there are. */
const boxesByName = new WeakMap<FlameModel, { readonly starts: Uint32Array; readonly boxes: Uint32Array }>();

/** Reckons what {@linkcode pathHash} and {@linkcode boxesOf} need of all boxes, once the page has time for it. */
export function prepareModel(model: FlameModel): void {
  pathHashes(model);
  boxesOf(model, 0);
}

/** Returns the boxes of row `name` of the names, in order. */
export function boxesOf(model: FlameModel, name: number): Uint32Array {
  let index = boxesByName.get(model);
  if (!index) {
    const starts = new Uint32Array(model.names.length + 1);
    for (const row of model.name) starts[row + 1]!++;
    for (let row = 0; row < model.names.length; row++) starts[row + 1]! += starts[row]!;
    const next = starts.slice();
    const boxes = new Uint32Array(model.name.length);
    model.name.forEach((row, box) => boxes[next[row]!++] = box);
    boxesByName.set(model, index = { starts, boxes });
  }
  return index.boxes.subarray(index.starts[name], index.starts[name + 1]);
}

/** Holds sums of one function's boxes. */
export interface Hot {
  /** Is the row of the names. */
  readonly name: number;
  self: number;
  /** Sums the stacks where it is anywhere, each once. */
  total: number;
}

/** Returns the functions within `focus`; what is no code is left out. */
export function hotFunctions(model: FlameModel, focus = 0): Hot[] {
  const rows = new Map<number, Hot>();
  for (let level = Math.max(1, model.level[focus]!); level + 1 < model.levelStart.length; level++) {
    const [first, end] = descendantsAt(model, focus, level);
    for (let box = first; box < end; box++) {
      const name = model.name[box]!;
      let row = rows.get(name);
      if (row === undefined) rows.set(name, row = { name, self: 0, total: 0 });
      row.self += model.self[box]!;
      if (!hasAncestor(model, box, { name, focus })) row.total += model.width[box]!;
    }
  }
  return [...rows.values()].filter(({ name }) => model.modules[name] !== "");
}

/** Returns whether row `name` is the box of what was cut. */
export function isOther(model: Pick<FlameModel, "names" | "modules">, name: number): boolean {
  return model.names[name] === OTHER && model.modules[name] === "";
}

function hasAncestor(
  model: FlameModel,
  box: number,
  { name, focus }: { name: number; focus: number },
): boolean {
  const bottom = model.level[focus]!;
  for (let at = box; model.level[at]! > bottom;) {
    at = model.parent[at]!;
    if (model.name[at] === name) return true;
  }
  return false;
}

/** Returns the first of `column[from]` to `column[to - 1]`, which ascend, that is at least `value`; else `to`. */
export function firstFrom(
  column: Float64Array,
  { from, to, value }: { from: number; to: number; value: number },
): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (column[middle]! < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
