// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what calls of a row took in columns.
 *
 * A build has tens of thousands of rows in a window. As objects they outlive the engine's space for young ones, and to
 * collect them then is most of what they cost; in columns a row is a hundred bytes, and nothing that is to be collected.
 *
 * @module
 */

const FIRST_ROWS = 256;
const FIRST_CELLS = 64;
/** The room for more rows than that is not kept for others. */
const MAX_KEPT = 65_536;
/** The numbers that a row has, beside its histogram and errors. */
const AMOUNTS = 6;
const [COUNT, TOTAL, MIN, MAX, OPEN, OLDEST] = [0, 1, 2, 3, 4, 5] as const;
/** Most calls have no errors. */
const NOTHING: ReadonlyMap<number, number> = new Map();

/** Tells what calls of a row took; time is in ns. */
export interface CallAmounts {
  /** Calls that ended. */
  readonly count: number;
  readonly total: number;
  /** 0 of none that ended. */
  readonly min: number;
  readonly max: number;
  /** Calls that did not end, and the time since the oldest of them began. */
  readonly open: number;
  readonly oldest: number;
}

/** Counts by a number of each row, such as a bucket or an errno, of which most rows have few: cells in a chain. */
class Counts {
  /** A row's first cell + 1; 0 without one. */
  #first = new Uint32Array(FIRST_ROWS);
  /** A cell is a number with its count and the next one of its row + 1. */
  #numbers = new Uint32Array(FIRST_CELLS);
  #counts = new Float64Array(FIRST_CELLS);
  #next = new Uint32Array(FIRST_CELLS);
  #cells = 0;

  add(row: number, number: number, count: number): void {
    let cell = this.#first[row]!;
    while (cell !== 0 && this.#numbers[cell - 1] !== number) cell = this.#next[cell - 1]!;
    if (cell === 0) cell = this.#newCell(row, number);
    this.#counts[cell - 1]! += count;
  }

  addFrom(row: number, from: Counts, source: number): void {
    for (let cell = from.#first[source]!; cell !== 0; cell = from.#next[cell - 1]!) {
      const count = from.#counts[cell - 1]!;
      if (count > 0) this.add(row, from.#numbers[cell - 1]!, count);
    }
  }

  /** Returns the largest number of a row; -1 where it has none. */
  largest(row: number): number {
    let largest = -1;
    for (let cell = this.#first[row]!; cell !== 0; cell = this.#next[cell - 1]!) {
      largest = Math.max(largest, this.#numbers[cell - 1]!);
    }
    return largest;
  }

  /** Puts each count of a row into `to`, as far from `at` as its number. */
  copyTo(row: number, to: number[] | Float64Array, at: number): void {
    for (let cell = this.#first[row]!; cell !== 0; cell = this.#next[cell - 1]!) {
      to[at + this.#numbers[cell - 1]!] = this.#counts[cell - 1]!;
    }
  }

  toMap(row: number): ReadonlyMap<number, number> {
    if (this.#first[row] === 0) return NOTHING;
    const counts = new Map<number, number>();
    for (let cell = this.#first[row]!; cell !== 0; cell = this.#next[cell - 1]!) {
      counts.set(this.#numbers[cell - 1]!, this.#counts[cell - 1]!);
    }
    return counts;
  }

  /** Makes room for so many rows. */
  grow(rows: number): void {
    this.#first = larger(this.#first, new Uint32Array(rows));
  }

  /** Forgets what `rows` rows have. */
  clear(rows: number): void {
    this.#first.fill(0, 0, rows);
    this.#counts.fill(0, 0, this.#cells);
    this.#cells = 0;
  }

  #newCell(row: number, number: number): number {
    if (this.#cells === this.#next.length) {
      this.#numbers = larger(this.#numbers, new Uint32Array(2 * this.#cells));
      this.#counts = larger(this.#counts, new Float64Array(2 * this.#cells));
      this.#next = larger(this.#next, new Uint32Array(2 * this.#cells));
    }
    const cell = this.#cells++;
    this.#numbers[cell] = number;
    this.#next[cell] = this.#first[row]!;
    return this.#first[row] = cell + 1;
  }
}

/** Rows are numbers from 0 on, each of which is added before it is used. */
export class CallColumns {
  #rows = 0;
  #amounts = new Float64Array(AMOUNTS * FIRST_ROWS);
  #histograms = new Counts();
  #errors = new Counts();

  /** Returns how many rows there are. */
  get size(): number {
    return this.#rows;
  }

  /** Forgets all rows; the room that they had is there for others. */
  clear(): void {
    const rows = this.#rows;
    this.#rows = 0;
    if (this.#amounts.length > AMOUNTS * MAX_KEPT) {
      this.#amounts = new Float64Array(AMOUNTS * FIRST_ROWS);
      this.#histograms = new Counts();
      this.#errors = new Counts();
      return;
    }
    this.#amounts.fill(0, 0, AMOUNTS * rows);
    this.#histograms.clear(rows);
    this.#errors.clear(rows);
  }

  /** Adds the next row. */
  addRow(): void {
    if (AMOUNTS * this.#rows === this.#amounts.length) this.#growRows();
    this.#amounts[this.#rows++ * AMOUNTS + MIN] = Infinity;
  }

  /** Adds calls that ended to a row; the least time means nothing where there are none. */
  addEnded(
    row: number,
    { calls, totalNs, minNs, maxNs }: { calls: number; totalNs: number; minNs: number; maxNs: number },
  ): void {
    const amounts = this.#amounts;
    const at = row * AMOUNTS;
    amounts[at + TOTAL]! += totalNs;
    if (maxNs > amounts[at + MAX]!) amounts[at + MAX] = maxNs;
    if (calls === 0) return;
    amounts[at + COUNT]! += calls;
    if (minNs < amounts[at + MIN]!) amounts[at + MIN] = minNs;
  }

  /** Adds calls that did not end, which had so much of the window, to a row. */
  addOpen(row: number, { calls, ns, oldestNs }: { calls: number; ns: number; oldestNs: number }): void {
    const amounts = this.#amounts;
    const at = row * AMOUNTS;
    amounts[at + TOTAL]! += ns;
    amounts[at + OPEN]! += calls;
    amounts[at + OLDEST] = Math.max(amounts[at + OLDEST]!, oldestNs);
  }

  /** Lets no call of a row be open any more. */
  closeOpen(row: number): void {
    const at = row * AMOUNTS;
    this.#amounts[at + OPEN] = 0;
    this.#amounts[at + OLDEST] = 0;
  }

  /** Adds to a row's histogram calls that took from 2^bucket up to 2^(bucket + 1) ns. */
  addBucket(row: number, bucket: number, calls: number): void {
    this.#histograms.add(row, bucket, calls);
  }

  addErrors(row: number, error: number, calls: number): void {
    this.#errors.add(row, error, calls);
  }

  /** Adds a row of other columns to one of these. */
  addFrom(row: number, from: CallColumns, source: number): void {
    const amounts = this.#amounts;
    const others = from.#amounts;
    const at = row * AMOUNTS;
    const other = source * AMOUNTS;
    amounts[at + COUNT]! += others[other + COUNT]!;
    amounts[at + TOTAL]! += others[other + TOTAL]!;
    amounts[at + OPEN]! += others[other + OPEN]!;
    // The least of no calls is Infinity.
    amounts[at + MIN] = Math.min(amounts[at + MIN]!, others[other + MIN]!);
    amounts[at + MAX] = Math.max(amounts[at + MAX]!, others[other + MAX]!);
    amounts[at + OLDEST] = Math.max(amounts[at + OLDEST]!, others[other + OLDEST]!);
    this.#histograms.addFrom(row, from.#histograms, source);
    this.#errors.addFrom(row, from.#errors, source);
  }

  /** Tells whether a row has a call: one whose calls were lost, but not their errors, has none. */
  hasCall(row: number): boolean {
    const at = row * AMOUNTS;
    return this.#amounts[at + COUNT]! + this.#amounts[at + OPEN]! > 0 || this.#amounts[at + TOTAL]! > 0;
  }

  amounts(row: number): CallAmounts {
    const amounts = this.#amounts;
    const at = row * AMOUNTS;
    const count = amounts[at + COUNT]!;
    return {
      count,
      total: amounts[at + TOTAL]!,
      min: count > 0 ? amounts[at + MIN]! : 0,
      max: amounts[at + MAX]!,
      open: amounts[at + OPEN]!,
      oldest: amounts[at + OLDEST]!,
    };
  }

  /** Returns how many calls of a row failed, by errno. */
  errors(row: number): ReadonlyMap<number, number> {
    return this.#errors.toMap(row);
  }

  /** Returns the length of a row's histogram, which is no longer than it must be. */
  histogramLength(row: number): number {
    return this.#histograms.largest(row) + 1;
  }

  /** Puts a row's histogram into `to`, which has zeros there, from `at` on. */
  copyHistogram(row: number, to: number[] | Float64Array, at: number): void {
    this.#histograms.copyTo(row, to, at);
  }

  #growRows(): void {
    const rows = 2 * this.#rows;
    this.#amounts = larger(this.#amounts, new Float64Array(AMOUNTS * rows));
    this.#histograms.grow(rows);
    this.#errors.grow(rows);
  }
}

function larger<Column extends Uint32Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
