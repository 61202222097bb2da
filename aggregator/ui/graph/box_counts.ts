// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Asks for a graph twice: for few boxes that are soon there, then for nearly all.
 *
 * @module
 */

import type { Part } from "../parts/part.ts";

/** So many come first, and where one that was cut is clicked. */
export const FIRST_BOXES = 10_000;
/** So many the page draws without a late frame. */
const MOST_BOXES = 100_000;
/** What was cut is not asked for where it is a smaller part of all. */
const LEAST_CUT = 0.01;

/**
 * Has `part` ask by `ask` for boxes, and for nearly all once the first are drawn: the table, the kinds of code and the
 * search know what is loaded alone. What is live would ask for all every few seconds.
 *
 * @param cutOf returns what part of all was cut of an answer
 */
export function askBoxes<T>(
  part: Part<T>,
  { key, live }: { readonly key: string; readonly live: boolean },
  ask: (boxes: number, signal: AbortSignal) => Promise<T>,
  cutOf: (answer: T) => number,
): void {
  const load = (boxes: number) => (signal: AbortSignal) => ask(boxes, signal);
  part.ask(
    `${key} ${live}`,
    load(FIRST_BOXES),
    (answer) => !live && cutOf(answer) > LEAST_CUT ? load(MOST_BOXES) : undefined,
  );
}
