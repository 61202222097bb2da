/**
 * Tells which line each instruction of a Python function is on.
 *
 * Format: `co_linetable` of CPython 3.11 and later, as its `Objects/locations.md` describes it.
 *
 * @module
 */

/** Code unit → line. */
export class LineTable {
  /** Holds where each range ends, in code units, ascending; ranges follow each other from 0 on. */
  readonly #ends: Uint32Array;
  /** 0 for instructions that belong to no line. */
  readonly #lines: Uint32Array;

  private constructor(ends: Uint32Array, lines: Uint32Array) {
    this.#ends = ends;
    this.#lines = lines;
  }

  /** Reads a table; of one that is damaged, what can be read. */
  static decode(table: Uint8Array, firstLine: number): LineTable {
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
    return new LineTable(Uint32Array.from(ends), Uint32Array.from(lines));
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

/** Six bits a byte, the lowest first; the lowest bit of all is the sign. */
function signedVarint(table: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from, scale = 1; at < table.length && scale <= 2 ** 30; at++, scale *= 64) {
    value += (table[at]! & 63) * scale;
    if ((table[at]! & 64) === 0) break;
  }
  const magnitude = Math.floor(value / 2);
  return value % 2 ? -magnitude : magnitude;
}
