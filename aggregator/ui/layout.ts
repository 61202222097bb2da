/**
 * Which boxes can be seen, and where.
 *
 * @module
 */

import { boxesOn, type FlameModel, pathOf } from "./model.ts";

/** Narrower boxes cannot be told apart. */
export const MIN_WIDTH = 0.5;

/** One rectangle in the graph's plane: `level` rows down, `x` and `width` in CSS pixels. */
export interface Rect {
  /** The box; -1 for a run of boxes that are too narrow to stand alone. */
  readonly box: number;
  readonly level: number;
  readonly x: number;
  readonly width: number;
}

export interface View {
  /** The box that is as wide as the view. */
  readonly focus: number;
  /** CSS pixels. */
  readonly width: number;
  /** Levels that can be seen, `to` not included. @default all */
  readonly from?: number;
  readonly to?: number;
}

/** The rectangles to draw: the way to the focus at full width, then all that stands on it. */
export function layOut(model: FlameModel, { focus, width, from = 0, to = Infinity }: View): Rect[] {
  const rects: Rect[] = [];
  const path = pathOf(model, focus);
  for (let level = from; level < Math.min(path.length, to); level++) {
    rects.push({ box: path[level]!, level, x: 0, width });
  }
  const scale = width / model.width[focus]!;
  const left = model.start[focus]!;
  const end = Math.min(model.levelStart.length - 1, to);
  for (let level = Math.max(path.length, from); level < end; level++) {
    pushLevel(rects, model, { range: boxesOn(model, focus, level), level, left, scale });
  }
  return rects;
}

interface Level {
  readonly range: [first: number, end: number];
  readonly level: number;
  readonly left: number;
  readonly scale: number;
}

function pushLevel(rects: Rect[], model: FlameModel, { range, level, left, scale }: Level): void {
  // A run of narrow boxes that touch becomes one rectangle: the graph's outline stays true.
  let runX = 0;
  let runEnd = -1;
  const flush = () => {
    if (runEnd - runX >= MIN_WIDTH) rects.push({ box: -1, level, x: runX, width: runEnd - runX });
    runEnd = -1;
  };
  for (let box = range[0]; box < range[1]; box++) {
    const x = (model.start[box]! - left) * scale;
    const width = model.width[box]! * scale;
    if (width >= MIN_WIDTH) {
      flush();
      rects.push({ box, level, x, width });
      continue;
    }
    if (runEnd < 0 || x - runEnd > MIN_WIDTH) {
      flush();
      runX = x;
    }
    runEnd = x + width;
  }
  flush();
}

/** How many levels stand on `focus`, those below and its own included. */
export function depthOf(model: FlameModel, focus: number): number {
  let level = model.level[focus]!;
  while (level + 1 < model.levelStart.length) {
    const [first, end] = boxesOn(model, focus, level);
    if (first === end) return level;
    level++;
  }
  const [first, end] = boxesOn(model, focus, level);
  return first === end ? level : level + 1;
}

/** The box at `x` CSS pixels of level `level`; `undefined` where there is none that can be seen. */
export function boxAt(
  model: FlameModel,
  { focus, width }: View,
  { x, level }: { x: number; level: number },
): number | undefined {
  if (x < 0 || x >= width || level < 0 || level + 1 >= model.levelStart.length) return undefined;
  if (level <= model.level[focus]!) return pathOf(model, focus)[level];
  const value = model.start[focus]! + x * model.width[focus]! / width;
  const [first, end] = boxesOn(model, focus, level);
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
