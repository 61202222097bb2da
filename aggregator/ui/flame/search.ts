// SPDX-License-Identifier: Apache-2.0
/**
 * Searches by function and module.
 *
 * @module
 */

import { descendantsAt, type FlameModel, isOther } from "./model.ts";

export interface SearchResult {
  /** Is what the matching boxes cover together: one in another counts once. */
  readonly width: number;
  /** Holds the matching boxes that are in no other, the widest first. */
  readonly boxes: readonly number[];
  /** Counts all that match. */
  readonly count: number;
}

/**
 * Returns the test that a search's text stands for: `/…/` is a regular expression, `m:…` a part of the module's name,
 * anything else words that must all be in the name, or in the module's. Cases are told apart by expressions that have
 * a capital letter alone.
 *
 * @returns `undefined` for no text
 * @throws {SyntaxError} when it is no regular expression
 */
export function parseSearch(text: string): ((name: string, module: string) => boolean) | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const [, expression] = /^\/(.*?)\/?$/s.exec(trimmed) ?? [];
  if (expression !== undefined) {
    if (expression === "") return undefined;
    // An escape like \S is no capital letter.
    const flags = /[A-Z]/.test(expression.replace(/\\./g, "")) ? "u" : "iu";
    const pattern = new RegExp(expression, flags);
    return (name, module) => pattern.test(name) || pattern.test(module);
  }
  const words = trimmed.toLowerCase().split(/\s+/).filter((word) => word !== "m:");
  if (words.length === 0) return undefined;
  return (name, module) => {
    const [own, file] = [name.toLowerCase(), module.toLowerCase()];
    return words.every((word) =>
      word.startsWith("m:") ? file.includes(word.slice(2)) : own.includes(word) || file.includes(word)
    );
  };
}

/** Returns for each row of the names 1 where it matches. */
export function matchNames(
  { names, modules }: Pick<FlameModel, "names" | "modules">,
  test: (name: string, module: string) => boolean,
): Uint8Array {
  return Uint8Array.from(names, (name, row) => test(name, modules[row]!) ? 1 : 0);
}

/** Returns what of the boxes within `focus` has a name that matches; the whole and what was cut never do. */
export function search(model: FlameModel, matches: Uint8Array, focus = 0): SearchResult {
  const boxes: number[] = [];
  let width = 0;
  let count = 0;
  const covered = new Uint8Array(model.name.length);
  for (let level = Math.max(1, model.level[focus]!); level + 1 < model.levelStart.length; level++) {
    const [first, end] = descendantsAt(model, focus, level);
    for (let box = first; box < end; box++) {
      const name = model.name[box]!;
      const isMatch = matches[name] === 1 && !isOther(model, name);
      const inside = box !== focus && covered[model.parent[box]!] === 1;
      if (isMatch) count++;
      if (isMatch && !inside) {
        width += model.width[box]!;
        boxes.push(box);
      }
      if (isMatch || inside) covered[box] = 1;
    }
  }
  return { width, boxes: boxes.sort((a, b) => model.width[b]! - model.width[a]!), count };
}
