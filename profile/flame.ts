// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the flame graph of a profile, as columns: what the SVG and the page draw.
 *
 * @module
 */

import { DEFAULT_LEVELS, type Level, levelNames } from "./first_levels.ts";
import { type Kind, KIND_NUMBER, type Profile, seriesAt, type Total, UNKNOWN_MODULE } from "./model.ts";

/**
 * Is one level of boxes, from left to right. Box `i` begins at `start[i]` and is `width[i]` wide, both in the graph's
 * unit; `self[i]` of it is not covered by boxes of the next level.
 */
export interface FlameLevel {
  readonly start: number[];
  readonly width: number[];
  readonly self: number[];
  /** Holds rows of `names`. */
  readonly name: number[];
}

/** Level 0 is one box, the whole; then the first levels' names, then frames from the root to the leaf. */
export interface FlameGraph {
  /** Is `nanoseconds`, `count`, or the unit of what others measured. */
  readonly unit: string;
  readonly total: number;
  /** Holds names of functions and first levels, and modules ("" for first levels, the whole, and `other`). */
  readonly names: readonly string[];
  readonly modules: readonly string[];
  readonly levels: readonly FlameLevel[];
}

/** Is the name of the box that holds the whole. */
export const ALL = "all";
/** Is the name of the box that holds what is too small, or was cut, to be shown. */
export const OTHER = "other";

export interface FlameGraphOptions {
  readonly kind: Kind;
  /** Boxes are as wide as this amount. @default {"value"} */
  readonly value?: "value" | "count";
  /**
   * This many boxes are kept, the largest first. What is cut below one box is summed into one box `other`, the
   * last of its siblings, which does not count. @default {Infinity}
   */
  readonly maxNodes?: number;
  /** Boxes that are a smaller share of the whole are cut in the same way. @default {0} */
  readonly minShare?: number;
  /** Lists what stands above the functions, from the root on. @default {["process", "comm"]} */
  readonly firstLevels?: readonly Level[];
  /** Is missing from the profile: a box `other` of the first level. */
  readonly other?: Total;
}

/**
 * Merges the stacks of `kind` from the root on. Frames that agree in function and module are one, at whatever
 * address or line; siblings stand in alphabetical order (by UTF-16 unit, then by module), so that two graphs of
 * one program look alike. The order of samples, and how rows are numbered, does not matter.
 */
export function flameGraph(
  profile: Profile,
  options: FlameGraphOptions,
): FlameGraph {
  const { kind, value = "value", maxNodes = Infinity, minShare = 0, firstLevels = DEFAULT_LEVELS, other } =
    options;
  const names = nameTable(profile, firstLevels);
  const tree = growTree(profile, names, sortedSamples(profile, names, KIND_NUMBER[kind]), value);
  const all = names.names.push(ALL) - 1;
  const rest = names.names.push(OTHER) - 1;
  names.modules.push("", "");
  const missing = other?.[value] ?? 0;
  tree.name[0] = all;
  tree.width[0]! += missing;
  return {
    unit: value === "value" ? "nanoseconds" : "count",
    total: tree.width[0]!,
    names: names.names,
    modules: names.modules,
    levels: layOut(tree, largest(tree, maxNodes, minShare * tree.width[0]!), { missing, rest }),
  };
}

interface NameTable {
  /** The names are in order, and without equal pairs of name and module. */
  readonly names: string[];
  readonly modules: string[];
  /** Holds the name of each row of the frame table, and those of the first levels of each series. */
  readonly ofFrame: Uint32Array;
  readonly ofSeries: readonly Uint32Array[];
}

/** Numbers the names in their order, so that comparing numbers later is comparing names. */
function nameTable(profile: Profile, firstLevels: readonly Level[]): NameTable {
  const { strings, frames, series } = profile;
  const numbers = new Map<string, number>();
  const pairs: (readonly [name: string, module: string])[] = [];
  const numberOf = (name: string, module: string) => {
    const key = `${name}\0${module}`;
    let number = numbers.get(key);
    if (number === undefined) numbers.set(key, number = pairs.push([name, module]) - 1);
    return number;
  };
  const ofFrame = frames.function.map((name, row) => numberOf(strings[name]!, strings[frames.module[row]!]!));
  const ofSeries = Array.from(
    series.pid,
    (_, row) =>
      levelNames(seriesAt(profile, row), firstLevels).map((name) => numberOf(name || UNKNOWN_MODULE, "")),
  );
  const order = Uint32Array.from(pairs.keys()).sort((a, b) => {
    const [nameA, moduleA] = pairs[a]!;
    const [nameB, moduleB] = pairs[b]!;
    return compare(nameA, nameB) || compare(moduleA, moduleB);
  });
  const rank = inverse(order);
  return {
    names: Array.from(order, (i) => pairs[i]![0]),
    modules: Array.from(order, (i) => pairs[i]![1]),
    ofFrame: ofFrame.map((number) => rank[number]!),
    ofSeries: ofSeries.map((levels) => Uint32Array.from(levels, (number) => rank[number]!)),
  };
}

/** Returns samples of a kind in the order of their paths, so that a tree grows from left to right. */
function sortedSamples({ stacks, samples }: Profile, { ofFrame, ofSeries }: NameTable, kind: number) {
  const { offset, frame } = stacks;
  const count = offset.length - 1;
  const byPath = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => {
    let i = offset[a + 1]!;
    let j = offset[b + 1]!;
    for (; i > offset[a]! && j > offset[b]!; i--, j--) {
      const order = ofFrame[frame[i - 1]!]! - ofFrame[frame[j - 1]!]!;
      if (order !== 0) return order;
    }
    return (i - offset[a]!) - (j - offset[b]!);
  });
  const rank = inverse(byPath);
  const ofLevels = levelsRank(ofSeries);
  const key = Float64Array.from(samples.stack, (stack, i) => {
    return ofLevels[samples.series[i]!]! * count + rank[stack]!;
  });
  return samples.kind.keys().filter((i) => samples.kind[i] === kind).toArray().sort((a, b) =>
    key[a]! - key[b]!
  );
}

/** Returns each series' place in the order of their first levels; series that agree in them share one. */
function levelsRank(ofSeries: readonly Uint32Array[]): Uint32Array {
  const compared = (a: Uint32Array, b: Uint32Array) => {
    const level = a.findIndex((name, i) => name !== b[i]);
    return level < 0 ? 0 : a[level]! - b[level]!;
  };
  const rank = new Uint32Array(ofSeries.length);
  let before: number | undefined;
  for (const row of Uint32Array.from(ofSeries.keys()).sort((a, b) => compared(ofSeries[a]!, ofSeries[b]!))) {
    if (before !== undefined) {
      rank[row] = rank[before]! + (compared(ofSeries[before]!, ofSeries[row]!) === 0 ? 0 : 1);
    }
    before = row;
  }
  return rank;
}

/** Holds nodes in the order of a walk that visits a node before its children and siblings from left to right. */
interface Tree {
  readonly parent: number[];
  readonly depth: number[];
  readonly name: number[];
  readonly width: number[];
}

function growTree(
  { stacks: { offset, frame }, samples }: Profile,
  { ofFrame, ofSeries }: NameTable,
  order: readonly number[],
  value: "value" | "count",
): Tree {
  const tree: Tree = { parent: [0], depth: [0], name: [0], width: [0] };
  // The path of the sample before: its nodes, from the whole on.
  const path = [0];
  for (const i of order) {
    const weight = samples[value][i]!;
    if (weight === 0) continue;
    const stack = samples.stack[i]!;
    const end = offset[stack + 1]!;
    const levels = ofSeries[samples.series[i]!]!;
    const depth = levels.length + end - offset[stack]!;
    let same = true;
    for (let d = 1; d <= depth; d++) {
      const name = d <= levels.length ? levels[d - 1]! : ofFrame[frame[end - (d - levels.length)]!]!;
      same &&= d < path.length && tree.name[path[d]!] === name;
      if (same) continue;
      tree.parent.push(path[d - 1]!);
      tree.depth.push(d);
      tree.width.push(0);
      path[d] = tree.name.push(name) - 1;
      path.length = d + 1;
    }
    path.length = depth + 1;
    tree.width[path[depth]!]! += weight;
  }
  for (let node = tree.width.length - 1; node > 0; node--) {
    tree.width[tree.parent[node]!]! += tree.width[node]!;
  }
  return tree;
}

/**
 * Marks the `max` widest nodes besides the whole, those narrower than `min` left out; of equal ones the first, so
 * a node's parent is always marked, too.
 */
function largest({ width }: Tree, max: number, min: number): Uint8Array {
  const wide = Float64Array.from(width).subarray(1).filter((w) => w >= min).sort();
  const limit = wide.length <= max ? min : max > 0 ? wide[wide.length - max]! : Infinity;
  let equal = wide.length <= max ? Infinity : max - (wide.length - wide.findLastIndex((w) => w <= limit) - 1);
  return Uint8Array.from(width, (w, node) => {
    if (node === 0 || w > limit) return 1;
    return w === limit && equal-- > 0 ? 1 : 0;
  });
}

/** Places the kept nodes, and an `other` (name `rest`) after those of each node that lost children. */
function layOut(
  { parent, depth, name, width }: Tree,
  kept: Uint8Array,
  { missing, rest }: { missing: number; rest: number },
): FlameLevel[] {
  const levels: FlameLevel[] = [];
  const self = Float64Array.from(width);
  const cut = new Float64Array(width.length);
  cut[0] = missing;
  self[0]! -= missing;
  for (let node = 1; node < width.length; node++) {
    self[parent[node]!]! -= width[node]!;
    if (!kept[node] && kept[parent[node]!]) cut[parent[node]!]! += width[node]!;
  }
  // Where the next box of a level begins.
  const cursor: number[] = [0];
  const put = (level: number, box: { width: number; self: number; name: number }) => {
    const to = levels[level] ??= { start: [], width: [], self: [], name: [] };
    const start = cursor[level]!;
    to.start.push(start);
    to.width.push(box.width);
    to.self.push(box.self);
    to.name.push(box.name);
    cursor[level] = start + box.width;
    cursor[level + 1] = start;
  };
  const open: number[] = [];
  const close = (to: number) => {
    while (open.length > to) {
      const lost = cut[open.pop()!]!;
      if (lost > 0) put(open.length + 1, { width: lost, self: lost, name: rest });
    }
  };
  for (let node = 0; node < width.length; node++) {
    if (!kept[node]) continue;
    close(depth[node]!);
    put(depth[node]!, { width: width[node]!, self: self[node]!, name: name[node]! });
    open.push(node);
  }
  close(0);
  return levels;
}

function inverse(order: Uint32Array): Uint32Array {
  const rank = new Uint32Array(order.length);
  order.forEach((row, i) => rank[row] = i);
  return rank;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
