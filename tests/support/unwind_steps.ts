// SPDX-License-Identifier: Apache-2.0
/**
 * Unwind rows as text, for comparing what different programs say of one file.
 *
 * @module
 */

import { CFA_NONE, type Rule, ruleOf } from "../../agent/unwind/rules.ts";
import { PAGE_BYTES, type UnwindTable } from "../../agent/unwind/table.ts";

/** Holds what is true from each address on, ascending, equal neighbours merged. */
export interface Steps {
  readonly address: number[];
  readonly text: string[];
}

/** A function's rows. */
export interface FrameRows {
  readonly start: number;
  readonly end: number;
  readonly address: number[];
  readonly text: string[];
}

/** Stands where no function is. */
export const NOTHING = "-";
/** Starts a text of which the rest counts. */
export const ANY = "*";
/** Stands where our table leaves it open. */
export const UNKNOWN = "?";

/** Runs a program and takes its output line by line. */
export async function outputOf(program: string, args: readonly string[]): Promise<Iterable<string>> {
  const { stdout } = await new Deno.Command(program, {
    args: [...args],
    stderr: "null",
    env: { LC_ALL: "C" },
  }).output();
  return lines(stdout);
}

/** Text is decoded in pieces of about so many bytes: a line at a time takes several times as long. */
const PIECE_BYTES = 1 << 16;

function* lines(bytes: Uint8Array): Generator<string> {
  const decoder = new TextDecoder("latin1");
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(10, from + PIECE_BYTES);
    const to = found < 0 ? bytes.length : found;
    const text = decoder.decode(bytes.subarray(from, to));
    yield* (found < 0 ? text.replace(/\n$/, "") : text).split("\n");
    from = to + 1;
  }
}

/** Returns all functions in one: where they overlap the one that starts last holds, of equal ones the first. */
export function paint(fdes: readonly FrameRows[]): Steps {
  const steps: Steps = { address: [], text: [] };
  const sorted = fdes.filter(({ start, end }) => start < end)
    .sort((a, b) => a.start - b.start)
    .filter(({ start }, i, all) => i === 0 || start !== all[i - 1]!.start);
  for (const [i, fde] of sorted.entries()) {
    const end = Math.min(fde.end, sorted[i + 1]?.start ?? Infinity);
    for (const [row, address] of fde.address.entries()) {
      if (address < end) push(steps, address, fde.text[row]!);
    }
    if (end !== sorted[i + 1]?.start) push(steps, end, NOTHING);
  }
  return steps;
}

function push({ address, text }: Steps, at: number, what: string): void {
  if (text.at(-1) === what) return;
  address.push(at);
  text.push(what);
}

/**
 * Returns our table, in the words that `ruleText` has for each rule; without what was derived from code alone, of which
 * others say nothing.
 */
export function tableSteps(
  { rows, pages, first, rules }: UnwindTable,
  ruleText: (rules: Int32Array, index: number) => string,
): Steps {
  const texts = Array.from({ length: rules.length / 4 }, (_, i) => {
    return ruleOf(rules, i).derived ? NOTHING : ruleText(rules, i);
  });
  const steps: Steps = { address: [], text: [] };
  for (const [i, page] of pages.entries()) {
    // A page that is left out has nothing.
    if (i > 0 && pages[i - 1]! + 1 < page) push(steps, (pages[i - 1]! + 1) * PAGE_BYTES, NOTHING);
    for (let row = first[i]!; row < first[i + 1]!; row++) {
      push(steps, page * PAGE_BYTES + (rows[row]! & 0xffff), texts[rows[row]! >>> 16]!);
    }
  }
  if (pages.length > 0) push(steps, (pages.at(-1)! + 1) * PAGE_BYTES, NOTHING);
  if (steps.text[0] === NOTHING) {
    steps.address.shift();
    steps.text.shift();
  }
  return steps;
}

/** Says how two tellings of one file compare. */
export interface Comparison {
  /** Steps of theirs. */
  readonly rows: number;
  /** Steps of either where we say that we do not know. */
  readonly unknown: number;
  readonly mismatches: number;
  /** The first few mismatches, for people. */
  readonly examples: readonly string[];
}

/** Compares at every address where either changes. */
export function compareSteps(theirs: Steps, ours: Steps): Comparison {
  let [unknown, mismatches, i, j] = [0, 0, -1, -1];
  const examples: string[] = [];
  while (i + 1 < theirs.address.length || j + 1 < ours.address.length) {
    const [next, other] = [theirs.address[i + 1] ?? Infinity, ours.address[j + 1] ?? Infinity];
    if (next <= other) i++;
    if (other <= next) j++;
    const [a, b] = [theirs.text[i] ?? NOTHING, ours.text[j] ?? NOTHING];
    if (b === UNKNOWN) unknown++;
    else if (!agree(a, b) && ++mismatches <= 5) {
      examples.push(`${Math.min(next, other).toString(16)}: theirs "${a}", ours "${b}"`);
    }
  }
  return { rows: theirs.address.length, unknown, mismatches, examples };
}

function agree(theirs: string, ours: string): boolean {
  return theirs === ours || theirs.startsWith(ANY) && ours.endsWith(theirs.slice(ANY.length));
}

/**
 * Returns the rows of each page, with their rules written out: those of two tables have other indices. What was derived
 * from code alone is left out: it may hold less where less of the code was seen.
 */
export function pageRows({ pages, first, rows, rules }: UnwindTable): Map<number, unknown[]> {
  return new Map(
    Array.from(pages, (page, i): [number, unknown[]] => {
      const ofPage: [low: number, rule: Rule][] = [];
      for (const row of rows.slice(first[i], first[i + 1])) {
        const rule = ruleOf(rules, row >>> 16);
        const known = rule.derived ? NO_RULE : rule;
        if (known !== NO_RULE && known.cfa !== CFA_NONE) ofPage.push([row & 0xffff, known]);
        else if (ofPage.length > 0 && ofPage.at(-1)![1] !== NO_RULE) ofPage.push([row & 0xffff, NO_RULE]);
      }
      return [page, ofPage];
    }).filter(([, rows]) => rows.length > 0),
  );
}

const NO_RULE = ruleOf(new Int32Array(4), 0);
