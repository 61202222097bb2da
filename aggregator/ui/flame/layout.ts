// SPDX-License-Identifier: Apache-2.0
/**
 * Finds which boxes can be seen, and where.
 *
 * @module
 */

import { descendantsAt, type FlameModel, pathOf } from "./model.ts";

/** Narrower boxes cannot be told apart. */
export const MIN_WIDTH = 0.5;
/** A run that is wider says too little of where in it something is. */
const MAX_RUN = 2;

/** Says which boxes a search found. */
interface Drawn {
  /** Holds for each box the row of its name. */
  readonly names: Uint32Array;
  /** Holds for each row of the names 1 where it matches. @default nothing is searched */
  readonly matches: Uint8Array | undefined;
}

/**
 * Holds rectangles in the graph's plane, each a box, or a run of neighbours that are too narrow to stand alone: those from
 * `box` on, `end` not included; `level` rows down, `x` and `width` in CSS pixels. A large graph has tens of thousands in
 * sight: they are columns, which are there for the next frame, too.
 */
export class Rects {
  count = 0;
  box = new Uint32Array();
  end = new Uint32Array();
  level = new Uint16Array();
  x = new Float64Array();
  width = new Float64Array();

  put(box: number, end: number, level: number, x: number, width: number): void {
    const at = this.count++;
    this.box[at] = box;
    this.end[at] = end;
    this.level[at] = level;
    this.x[at] = x;
    this.width[at] = width;
  }

  /** Returns the box that a rectangle is drawn as: of a run the first that matches, else the first. */
  boxOf(i: number, { names, matches }: Drawn): number {
    const [first, end] = [this.box[i]!, this.end[i]!];
    if (!matches) return first;
    for (let box = first; box < end; box++) {
      if (matches[names[box]!] === 1) return box;
    }
    return first;
  }

  /** Makes room for `more` rectangles. */
  reserve(more: number): void {
    const size = this.count + more;
    if (size <= this.box.length) return;
    const { box, end, level, x, width } = this;
    const room = Math.max(size, 2 * box.length);
    (this.box = new Uint32Array(room)).set(box);
    (this.end = new Uint32Array(room)).set(end);
    (this.level = new Uint16Array(room)).set(level);
    (this.x = new Float64Array(room)).set(x);
    (this.width = new Float64Array(room)).set(width);
  }
}

export interface View {
  /** Is the box that is as wide as the view. */
  readonly focus: number;
  /** The width is in CSS pixels. */
  readonly width: number;
  /** Is the range of levels that can be seen, `to` not included. @default all */
  readonly from?: number;
  readonly to?: number;
}

/**
 * Puts the rectangles to draw into `rects`, instead of what was there: the ancestors of the focus at full width, then the
 * focus and its descendants.
 */
export function layOut(
  model: FlameModel,
  { focus, width, from = 0, to = Infinity }: View,
  rects: Rects,
): void {
  const path = pathOf(model, focus);
  rects.count = 0;
  rects.reserve(path.length);
  for (let level = from; level < Math.min(path.length, to); level++) {
    rects.put(path[level]!, path[level]! + 1, level, 0, width);
  }
  const scale = width / model.width[focus]!;
  const left = model.start[focus]!;
  const end = Math.min(model.levelStart.length - 1, to);
  for (let level = Math.max(path.length, from); level < end; level++) {
    putLevel(model, { range: descendantsAt(model, focus, level), level, left, scale }, rects);
  }
}

interface Level {
  readonly range: [first: number, end: number];
  readonly level: number;
  readonly left: number;
  readonly scale: number;
}

function putLevel(
  { start: starts, width: widths }: FlameModel,
  { range: [first, end], level, left, scale }: Level,
  rects: Rects,
): void {
  rects.reserve(end - first);
  // A run of narrow boxes that touch becomes one rectangle: the graph's outline stays true. There is none while `runBox` is -1.
  let [runBox, runX, runEnd] = [-1, 0, 0];
  for (let box = first; box <= end; box++) {
    // Behind the last box nothing stands, which ends a run as what is wide does.
    const isEnd = box === end;
    const x = isEnd ? 0 : (starts[box]! - left) * scale;
    const width = isEnd ? 0 : widths[box]! * scale;
    const isAlone = isEnd || width >= MIN_WIDTH;
    if (runBox >= 0 && (isAlone || x - runEnd > MIN_WIDTH || runEnd - runX > MAX_RUN)) {
      if (runEnd - runX >= MIN_WIDTH) rects.put(runBox, box, level, runX, runEnd - runX);
      runBox = -1;
    }
    if (isEnd) return;
    if (isAlone) {
      rects.put(box, box + 1, level, x, width);
      continue;
    }
    if (runBox < 0) {
      runBox = box;
      runX = x;
    }
    runEnd = x + width;
  }
}

/** Returns where a box is drawn; `undefined` where it is not, or only as one of a run. */
export function placeOf(
  model: FlameModel,
  { focus, width }: View,
  box: number,
): { readonly x: number; readonly width: number } | undefined {
  const level = model.level[box]!;
  if (level <= model.level[focus]!) return pathOf(model, focus)[level] === box ? { x: 0, width } : undefined;
  const scale = width / model.width[focus]!;
  const from = model.start[box]! - model.start[focus]!;
  const own = model.width[box]! * scale;
  return from >= 0 && from < model.width[focus]! && own >= MIN_WIDTH
    ? { x: from * scale, width: own }
    : undefined;
}

/** Counts the levels that show with `focus`: its ancestors, its own and those of its descendants. */
export function depthOf(model: FlameModel, focus: number): number {
  let level = model.level[focus]!;
  while (level + 1 < model.levelStart.length) {
    const [first, end] = descendantsAt(model, focus, level);
    if (first === end) return level;
    level++;
  }
  const [first, end] = descendantsAt(model, focus, level);
  return first === end ? level : level + 1;
}

/** Returns the box at `x` CSS pixels of level `level`; `undefined` where there is none that can be seen. */
export function boxAt(
  model: FlameModel,
  { focus, width }: View,
  { x, level }: { x: number; level: number },
): number | undefined {
  if (x < 0 || x >= width || level < 0 || level + 1 >= model.levelStart.length) return undefined;
  if (level <= model.level[focus]!) return pathOf(model, focus)[level];
  const value = model.start[focus]! + x * model.width[focus]! / width;
  const [first, end] = descendantsAt(model, focus, level);
  let from = first;
  let to = end;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (model.start[middle]! <= value) from = middle + 1;
    else to = middle;
  }
  const box = from - 1;
  if (box < first || value >= model.start[box]! + model.width[box]!) return undefined;
  return model.width[box]! * width / model.width[focus]! >= MIN_WIDTH ? box : undefined;
}
