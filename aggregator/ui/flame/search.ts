// SPDX-License-Identifier: Apache-2.0
/**
 * Searches by function and module.
 *
 * @module
 */

import { type FlameModel, isOther } from "./model.ts";

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

/** Returns for each row of the names 1 where it matches; what was cut never does. */
export function matchNames(
  { names, modules }: Pick<FlameModel, "names" | "modules">,
  test: (name: string, module: string) => boolean,
): Uint8Array {
  const isMatch = (name: string, row: number) =>
    test(name, modules[row]!) && !isOther({ names, modules }, row) ? 1 : 0;
  return Uint8Array.from(names, isMatch);
}

/** Returns which boxes have a name that matches; the whole never does. */
export function search({ name, parent, width: widths }: FlameModel, matches: Uint8Array): SearchResult {
  const boxes: number[] = [];
  let width = 0;
  let count = 0;
  const covered = new Uint8Array(name.length);
  // Callers stand before those whom they call.
  for (let box = 1; box < name.length; box++) {
    const inside = covered[parent[box]!];
    covered[box] = inside!;
    if (matches[name[box]!] !== 1) continue;
    count++;
    if (inside === 1) continue;
    covered[box] = 1;
    width += widths[box]!;
    boxes.push(box);
  }
  let isSorted = false;
  return {
    width,
    count,
    get boxes() {
      // Who types looks at each search, but walks through few.
      if (!isSorted) boxes.sort((a, b) => widths[b]! - widths[a]!);
      isSorted = true;
      return boxes;
    },
  };
}
