// SPDX-License-Identifier: Apache-2.0
/**
 * Searches by function, module and file of source.
 *
 * @module
 */

import { type FlameModel, isOther } from "./model.ts";

/** Holds what is searched, a row for each function. */
export interface Searched {
  readonly names: readonly string[];
  readonly modules: readonly string[];
  /** Holds the files of source that each is written in. @default not known */
  readonly files?: readonly string[] | undefined;
}

/** Says whether a function is what is searched for. */
export type NameTest = (name: string, module: string, file?: string) => boolean;

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
 * `f:…` of a file's, anything else words that must all be in the name, or in the module's. Cases are told apart by
 * expressions that have a capital letter alone.
 *
 * @returns `undefined` for no text
 * @throws {SyntaxError} when it is no regular expression
 */
export function parseSearch(text: string): NameTest | undefined {
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
  const words = trimmed.toLowerCase().split(/\s+/).filter((word) => !/^[fm]:$/.test(word));
  if (words.length === 0) return undefined;
  return (...texts) => {
    const [name = "", module = "", file = ""] = texts.map((text) => text?.toLowerCase());
    return words.every((word) =>
      word.startsWith("m:")
        ? module.includes(word.slice(2))
        : word.startsWith("f:")
        ? file.includes(word.slice(2))
        : name.includes(word) || module.includes(word)
    );
  };
}

/** Returns whether the answer to a search depends on files. */
export function needsFiles(text: string): boolean {
  return /^(?!\s*\/).*\bf:\S/i.test(text);
}

/** Returns for each row of the names 1 where it matches; what was cut never does. */
export function matchNames({ names, modules, files }: Searched, test: NameTest): Uint8Array {
  const isMatch = (name: string, row: number) =>
    test(name, modules[row]!, files?.[row]) && !isOther({ names, modules }, row) ? 1 : 0;
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
