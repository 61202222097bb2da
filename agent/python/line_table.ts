// SPDX-License-Identifier: Apache-2.0
/**
 * Tells which line each instruction of a Python function is on.
 *
 * Formats: `co_linetable` of CPython 3.11 and later, as its `Objects/locations.md` describes it; before that pairs of
 * bytes, as `Objects/lnotab_notes.txt` of 3.10 describes `co_linetable` of that version and `co_lnotab` of earlier ones.
 *
 * @module
 */

import type { LineFormat } from "./layouts.ts";

/** An instruction has so many bytes. */
const UNIT_BYTES = 2;
/** In ranges, it says that the bytes belong to no line. */
const NO_LINE = -128;

/** Code unit → line. */
export class LineTable {
  /** Each range ends here, in code units, ascending; ranges follow each other from 0 on. */
  readonly #ends: Float64Array;
  /** It is 0 for instructions that belong to no line. */
  readonly #lines: Uint32Array;

  private constructor(ends: Float64Array, lines: Uint32Array) {
    this.#ends = ends;
    this.#lines = lines;
  }

  /** Reads a table; of one that is damaged, what can be read. */
  static decode(table: Uint8Array, firstLine: number, format: LineFormat = "locations"): LineTable {
    if (format === "locations") return LineTable.#decodeLocations(table, firstLine);
    const ends: number[] = [];
    const lines: number[] = [];
    const add = (bytes: number, line: number) => {
      if (bytes === 0) return;
      ends.push((ends.at(-1) ?? 0) + bytes / UNIT_BYTES);
      lines.push(line < 0 || line >= 2 ** 31 ? 0 : line);
    };
    let line = firstLine;
    for (let at = 0; at + 1 < table.length; at += 2) {
      const bytes = table[at]!;
      const delta = table[at + 1]! << 24 >> 24;
      // In lnotab a line begins behind the bytes; in ranges it is that of the bytes.
      if (format === "lnotab") add(bytes, line);
      if (format === "ranges" && delta === NO_LINE) {
        add(bytes, 0);
        continue;
      }
      line += delta;
      if (format === "ranges") add(bytes, line);
    }
    if (format === "lnotab") add(Infinity, line);
    return new LineTable(Float64Array.from(ends), Uint32Array.from(lines));
  }

  static #decodeLocations(table: Uint8Array, firstLine: number): LineTable {
    const ends: number[] = [];
    const lines: number[] = [];
    let line = firstLine;
    let end = 0;
    for (let at = 0; at < table.length; at++) {
      const head = table[at]!;
      // Only the first byte of an entry has the highest bit.
      if ((head & 0x80) === 0) continue;
      const code = (head >>> 3) & 15;
      line += lineDelta(table, at, code);
      end += (head & 7) + 1;
      const shown = code === NO_LOCATION || line < 0 || line >= 2 ** 31 ? 0 : line;
      if (lines.at(-1) === shown) ends[ends.length - 1] = end;
      else {
        ends.push(end);
        lines.push(shown);
      }
    }
    return new LineTable(Float64Array.from(ends), Uint32Array.from(lines));
  }

  /** Is what it holds in memory. */
  get bytes(): number {
    return this.#ends.byteLength + this.#lines.byteLength;
  }

  /** Returns the line of the code unit; 0 where it has none. */
  line(unit: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! <= unit) low = middle + 1;
      else high = middle;
    }
    return this.#lines[low] ?? 0;
  }
}

const ONE_LINE_0 = 10;
const ONE_LINE_2 = 12;
const NO_COLUMNS = 13;
const LONG = 14;
const NO_LOCATION = 15;

function lineDelta(table: Uint8Array, at: number, code: number): number {
  if (code >= ONE_LINE_0 && code <= ONE_LINE_2) return code - ONE_LINE_0;
  return code === NO_COLUMNS || code === LONG ? signedVarint(table, at + 1) : 0;
}

/** Reads six bits a byte, the lowest first; the lowest bit of all is the sign. */
function signedVarint(table: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from, scale = 1; at < table.length && scale <= 2 ** 30; at++, scale *= 64) {
    value += (table[at]! & 63) * scale;
    if ((table[at]! & 64) === 0) break;
  }
  const magnitude = Math.floor(value / 2);
  return value % 2 ? -magnitude : magnitude;
}
