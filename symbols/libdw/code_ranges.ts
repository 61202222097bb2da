// SPDX-License-Identifier: Apache-2.0
/**
 * Turns all debug information of a file into ranges of addresses with their functions and lines: what
 * {@linkcode DebugInfo} answers for one address, for all of them at once.
 *
 * @module
 */

import { framesOf, type Scope, scopeOf, type SourceFrame } from "./dwarf.ts";
import type { Die, DwarfFile, LineRow, Unit } from "./dwarf_file.ts";
import { MAX_DEPTH } from "./dwarf_file.ts";
import { lowerBound } from "../ranges.ts";

/** Is code of the same functions, at the same lines. */
export interface CodeRange {
  readonly start: number;
  readonly end: number;
  /** The innermost of the inlined functions comes first. */
  readonly frames: readonly SourceFrame[];
}

/** A file's ranges may overlap so often in all: what compilers write stays below by far. */
const MAX_STEPS = 200_000_000;

/** Is thrown for information that would take too long. */
export class TooMuchError extends Error {
  override readonly name = "TooMuchError";
}

/** Is a function, or one that is inlined in another, with all code that it has. */
interface Place extends Scope {
  /** Is the index of the place that it is inlined in; -1 for a function of its own. */
  readonly parent: number;
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

/**
 * Yields the ranges of each unit, in the order of its addresses; neighbours differ.
 *
 * @throws {TooMuchError}
 */
export function* codeRanges(file: DwarfFile): Generator<CodeRange> {
  const budget = { steps: MAX_STEPS };
  for (const offset of file.units()) {
    const unit = file.unit(offset);
    yield* unitRanges(placesOf(file, unit), [...file.lineRows(unit)], budget);
  }
}

function placesOf(file: DwarfFile, unit: Unit): Place[] {
  const places: Place[] = [];
  const add = (die: Die, parent: number): number => {
    const ranges: [number, number][] = [];
    file.eachRange(die, (start, end) => ranges.push([start, end]));
    return places.push({ ...scopeOf(file, unit, die), parent, ranges }) - 1;
  };
  const walk = (die: Die, parent: number, depth: number) => {
    if (depth >= MAX_DEPTH) return;
    file.eachChild(die, (child) => {
      if (file.isInlined(child)) walk(child.slice(), add(child, parent), depth + 1);
      else if (file.isBlock(child)) walk(child.slice(), parent, depth + 1);
    });
  };
  file.eachFunction(unit.die, (die) => {
    const fn = die.slice();
    const at = add(fn, -1);
    // What only declares a function, or is inlined wherever it is called, has no code itself.
    if (places[at]!.ranges.length > 0) walk(fn, at, 0);
    else places.pop();
  });
  return places;
}

function* unitRanges(
  places: readonly Place[],
  rows: readonly LineRow[],
  budget: { steps: number },
): Generator<CodeRange> {
  const cuts = cutsOf(places, rows);
  const owner = new Int32Array(cuts.length).fill(-1);
  // Inner places come after outer ones, so that the last one to claim a cut is the innermost.
  places.forEach(({ ranges }, place) => {
    for (const [start, end] of ranges) {
      for (let i = lowerBound(cuts, start); i < cuts.length && cuts[i]! < end; i++) {
        if (budget.steps-- <= 0) {
          throw new TooMuchError("Cannot read debug information that overlaps so much");
        }
        owner[i] = place;
      }
    }
  });
  let row = -1;
  let open: { start: number; end: number; place: number; line: LineRow | undefined } | undefined;
  for (let i = 0; i + 1 < cuts.length; i++) {
    while (row + 1 < rows.length && rows[row + 1]!.address <= cuts[i]!) row++;
    const line = row >= 0 && !rows[row]!.end ? rows[row] : undefined;
    const place = owner[i]!;
    if (open !== undefined && open.end === cuts[i] && open.place === place && sameLine(open.line, line)) {
      open.end = cuts[i + 1]!;
      continue;
    }
    if (open) yield rangeOf(places, open);
    const known = place >= 0 || line !== undefined;
    open = known ? { start: cuts[i]!, end: cuts[i + 1]!, place, line } : undefined;
  }
  if (open) yield rangeOf(places, open);
}

/** Returns, in order and each once, the addresses at which something may change. */
function cutsOf(places: readonly Place[], rows: readonly LineRow[]): Float64Array {
  const all = [...new Set([...places.flatMap(({ ranges }) => ranges.flat()), ...rows.map((r) => r.address)])];
  return Float64Array.from(all).sort();
}

function rangeOf(
  places: readonly Place[],
  { start, end, place, line }: { start: number; end: number; place: number; line: LineRow | undefined },
): CodeRange {
  const scopes: Scope[] = [];
  for (let at = place; at >= 0; at = places[at]!.parent) scopes.push(places[at]!);
  return { start, end, frames: framesOf(scopes, line ?? { file: "", line: 0 }) };
}

function sameLine(a: LineRow | undefined, b: LineRow | undefined): boolean {
  return a === b || a !== undefined && b !== undefined && a.line === b.line && a.file === b.file;
}
