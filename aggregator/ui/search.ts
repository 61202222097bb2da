// SPDX-License-Identifier: Apache-2.0
/**
 * Searches by function and module.
 *
 * @module
 */

import { descendantsAt, type FlameModel } from "./model.ts";

export interface SearchResult {
  /** Holds for each row of the names 1 where it matches. */
  readonly names: Uint8Array;
  /** Is what the matching boxes cover together: one in another counts once. */
  readonly width: number;
  readonly boxes: number;
}

/**
 * Returns the test that a search's text stands for: all of it, whatever its case, or a regular expression, which tells
 * cases apart only where it has a capital letter.
 *
 * @returns `undefined` for no text
 * @throws {SyntaxError} when it is no regular expression
 */
export function parseSearch(text: string, regex: boolean): ((text: string) => boolean) | undefined {
  if (text === "") return undefined;
  if (regex) {
    // An escape like \S is no capital letter.
    const flags = /[A-Z]/.test(text.replace(/\\./g, "")) ? "u" : "iu";
    const pattern = new RegExp(text, flags);
    return (text) => pattern.test(text);
  }
  const wanted = text.toLowerCase();
  return (text) => text.toLowerCase().includes(wanted);
}

/** Returns what of the boxes within `focus` passes `test`. */
export function search(model: FlameModel, test: (text: string) => boolean, focus = 0): SearchResult {
  const names = Uint8Array.from(model.names, (name, i) => {
    return test(name) || (model.modules[i] !== "" && test(model.modules[i]!)) ? 1 : 0;
  });
  // The whole is no function: it would make everything match.
  if (model.name.length > 0) names[model.name[0]!] = 0;
  let width = 0;
  let boxes = 0;
  const covered = new Uint8Array(model.name.length);
  for (let level = model.level[focus]!; level + 1 < model.levelStart.length; level++) {
    const [first, end] = descendantsAt(model, focus, level);
    for (let box = first; box < end; box++) {
      const matches = names[model.name[box]!] === 1;
      const below = box !== focus && covered[model.parent[box]!] === 1;
      if (matches) boxes++;
      if (matches && !below) width += model.width[box]!;
      if (matches || below) covered[box] = 1;
    }
  }
  return { names, width, boxes };
}
