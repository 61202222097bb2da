// SPDX-License-Identifier: Apache-2.0
/**
 * Compares two trees: what takes more, what takes less, and what is noise.
 *
 * @module
 */

import type { Total } from "../../../profile/model.ts";
import { type AnyKind, isProfileType, unitOf } from "../../../profile/profile_type.ts";
import { perSecondOf } from "../parts/format.ts";
import type { FlameModel } from "./model.ts";
import { isRest, modelOf, type Tree } from "./tree.ts";

/** Says how much a side is worth in what is compared: its values are multiplied by `scale`. */
export interface Side {
  readonly total: Total;
  readonly scale: number;
  /** Is false where values are no sums of equal events, of which chance would be known. */
  readonly isCounted: boolean;
}

export const NORMS = ["share", "core", "second"] as const;
/** Sides are compared by their share of all, by what they took a second (of time: cores), or as they are. */
export type Norm = (typeof NORMS)[number];

/** Returns a side whose values become shares (1 is all), cores, or seconds; of what is no time, amounts a second, or amounts. */
export function sideOf(
  total: Total,
  { norm, seconds, kind }: { norm: Norm; seconds: number; kind: AnyKind },
): Side {
  const second = perSecondOf(unitOf(kind)) ?? 1;
  const whole = norm === "share" ? total.value : norm === "core" ? seconds * second : second;
  return { total, scale: whole > 0 ? 1 / whole : 0, isCounted: !isProfileType(kind) };
}

/** A change of less than so much of all is not shown as one. */
const LEAST = 0.001;
/** So many standard deviations apart, two counts are no accident. */
const SIGMAS = 2;

/**
 * Returns how far `compare` is from `base`: 0 where the difference is within what chance makes of counts, which are
 * Poisson's, or below a thousandth of the larger side (of what others measured that alone), or one side has nothing at
 * all to compare with; else the difference's part of `base`, -1 where it has gone and at most 4.
 */
export function changeOf(base: number, compare: number, sides: { base: Side; compare: Side }): number {
  const a = base * sides.base.scale;
  const b = compare * sides.compare.scale;
  const whole = Math.max(
    sides.base.total.value * sides.base.scale,
    sides.compare.total.value * sides.compare.scale,
  );
  const hasBoth = sides.base.total.count * sides.compare.total.count > 0;
  if (!hasBoth || Math.abs(b - a) <= LEAST * whole) return 0;
  const noise = Math.hypot(deviation(base, sides.base), deviation(compare, sides.compare));
  if (Math.abs(b - a) < SIGMAS * noise) return 0;
  return a === 0 ? 4 : Math.min(4, (b - a) / a);
}

/** Returns the standard deviation of a value that is made of equal counts; of nothing it is that of one count. */
function deviation(value: number, { total, scale, isCounted }: Side): number {
  if (!isCounted) return 0;
  const each = total.count > 0 ? total.value / total.count : 0;
  return Math.sqrt(Math.max(value, each) * each) * scale;
}

/** Holds both trees as one. Boxes are as wide as `compare` makes them; what has gone is as wide as it was. */
export interface DiffModel {
  readonly model: FlameModel;
  /** Hold what each box is worth on each side, in the sides' own unit. */
  readonly base: Float64Array;
  readonly compare: Float64Array;
}

interface Pair extends Tree {
  readonly base: number;
  readonly compare: number;
  children: Pair[];
}

/** Compares `base` with `compare`, each with its own scale. */
export function diffTrees(
  base: Tree,
  compare: Tree,
  { sides, unit }: { readonly sides: { readonly base: Side; readonly compare: Side }; readonly unit: string },
): DiffModel {
  const root = pair(base, compare, sides);
  const model = modelOf(root, unit);
  const columns = { base: new Float64Array(model.name.length), compare: new Float64Array(model.name.length) };
  // The model numbers boxes level by level, with the children in the order that it sorted them into.
  let box = 0;
  for (let row: Pair[] = [root]; row.length > 0; row = row.flatMap(({ children }) => children)) {
    for (const node of row) {
      columns.base[box] = node.base;
      columns.compare[box++] = node.compare;
    }
  }
  return { model, ...columns };
}

function pair(a: Tree | undefined, b: Tree | undefined, sides: { base: Side; compare: Side }): Pair {
  const known = new Map((a?.children ?? []).map((child) => [keyOf(child), child]));
  const children = (b?.children ?? []).map((child) => {
    const other = known.get(keyOf(child));
    known.delete(keyOf(child));
    return pair(other, child, sides);
  });
  for (const gone of known.values()) children.push(pair(gone, undefined, sides));
  const self = b ? b.self * sides.compare.scale : a!.self * sides.base.scale;
  const own = b ? b.value * sides.compare.scale : a!.value * sides.base.scale;
  const { name, module } = b ?? a!;
  return {
    name,
    module,
    base: a?.value ?? 0,
    compare: b?.value ?? 0,
    self,
    below: b?.below ?? a?.below,
    value: Math.max(own, children.reduce((sum, { value }) => sum + value, self)),
    children,
  };
}

function keyOf(tree: Tree): string {
  return isRest(tree) ? "\0" : `${tree.name}\0${tree.module}`;
}

export interface DiffRow {
  readonly function: string;
  readonly module: string;
  /** Hold self and total, in the sides' own unit. */
  readonly base: { readonly self: number; readonly total: number };
  readonly compare: { readonly self: number; readonly total: number };
}

/** Returns a row for each function that either tree has. */
export function diffRows(base: Tree, compare: Tree): DiffRow[] {
  const rows = new Map<string, { -readonly [K in keyof DiffRow]: DiffRow[K] }>();
  for (const side of ["base", "compare"] as const) {
    const visit = (node: Tree, above: ReadonlySet<string>) => {
      const key = keyOf(node);
      const isCode = node.module !== "";
      if (isCode) {
        const none = { self: 0, total: 0 };
        const row = rows.get(key) ?? { function: node.name, module: node.module, base: none, compare: none };
        row[side] = {
          self: row[side].self + node.self,
          total: row[side].total + (above.has(key) ? 0 : node.value),
        };
        rows.set(key, row);
      }
      const inside = isCode && !above.has(key) ? new Set(above).add(key) : above;
      for (const child of node.children) visit(child, inside);
    };
    visit(side === "base" ? base : compare, new Set());
  }
  return [...rows.values()];
}
