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

/** Is one rectangle in the graph's plane: `level` rows down, `x` and `width` in CSS pixels. */
export interface Rect {
  /** Is the box, or the one that stands for the run. */
  readonly box: number;
  /** Is true for neighbours that are too narrow to stand alone. */
  readonly run: boolean;
  readonly level: number;
  readonly x: number;
  readonly width: number;
}

export interface View {
  /** Is the box that is as wide as the view. */
  readonly focus: number;
  /** The width is in CSS pixels. */
  readonly width: number;
  /** Is the range of levels that can be seen, `to` not included. @default all */
  readonly from?: number;
  readonly to?: number;
  /** Returns true for boxes that stand for a run before others. @default none */
  readonly prefer?: (box: number) => boolean;
}

/** Returns the rectangles to draw: the ancestors of the focus at full width, then the focus and its descendants. */
export function layOut(
  model: FlameModel,
  { focus, width, from = 0, to = Infinity, prefer = () => false }: View,
): Rect[] {
  const rects: Rect[] = [];
  const path = pathOf(model, focus);
  for (let level = from; level < Math.min(path.length, to); level++) {
    rects.push({ box: path[level]!, run: false, level, x: 0, width });
  }
  const scale = width / model.width[focus]!;
  const left = model.start[focus]!;
  const end = Math.min(model.levelStart.length - 1, to);
  for (let level = Math.max(path.length, from); level < end; level++) {
    pushLevel(rects, model, { range: descendantsAt(model, focus, level), level, left, scale, prefer });
  }
  return rects;
}

interface Level {
  readonly range: [first: number, end: number];
  readonly level: number;
  readonly left: number;
  readonly scale: number;
  readonly prefer: (box: number) => boolean;
}

function pushLevel(rects: Rect[], model: FlameModel, { range, level, left, scale, prefer }: Level): void {
  // A run of narrow boxes that touch becomes one rectangle: the graph's outline stays true.
  let run: { box: number; x: number; end: number; preferred: boolean } | undefined;
  const flush = () => {
    if (run && run.end - run.x >= MIN_WIDTH) {
      rects.push({ box: run.box, run: true, level, x: run.x, width: run.end - run.x });
    }
    run = undefined;
  };
  for (let box = range[0]; box < range[1]; box++) {
    const x = (model.start[box]! - left) * scale;
    const width = model.width[box]! * scale;
    if (width >= MIN_WIDTH) {
      flush();
      rects.push({ box, run: false, level, x, width });
      continue;
    }
    if (run && (x - run.end > MIN_WIDTH || run.end - run.x > MAX_RUN)) flush();
    run ??= { box, x, end: x, preferred: prefer(box) };
    run.end = x + width;
    if (!run.preferred && prefer(box)) run = { ...run, box, preferred: true };
  }
  flush();
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
