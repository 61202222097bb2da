// SPDX-License-Identifier: Apache-2.0
/**
 * What calls of a row took, in columns.
 *
 * A build has tens of thousands of rows in a window. As objects they outlive the engine's space for young ones, and to
 * collect them then is most of what they cost; in columns a row is a hundred bytes, and nothing that is to be collected.
 *
 * @module
 */

const FIRST_ROWS = 256;
const FIRST_CELLS = 512;
const FIRST_ERRORS = 64;
/** The numbers that a row has, beside its histogram and errors. */
const AMOUNTS = 6;
const [COUNT, TOTAL, MIN, MAX, OPEN, OLDEST] = [0, 1, 2, 3, 4, 5] as const;
/** Most calls have none. */
const NO_ERRORS: ReadonlyMap<number, number> = new Map();

/** What calls of a row took; time is in ns. */
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

/** Rows are numbers from 0 on, each of which is added before it is used. */
export class CallColumns {
  #rows = 0;
  #amounts = new Float64Array(AMOUNTS * FIRST_ROWS);
  /** A row's first cell + 1; 0 without one. */
  #firstCell = new Uint32Array(FIRST_ROWS);
  /** A cell is a bucket of a histogram that is not 0, with its count and the next one of its row + 1. */
  #cellBucket = new Uint8Array(FIRST_CELLS);
  #cellCount = new Float64Array(FIRST_CELLS);
  #cellNext = new Uint32Array(FIRST_CELLS);
  #cells = 0;
  /** A row's first error + 1, as its first cell; an error has its number, its count and the next one of its row + 1. */
  #firstError = new Uint32Array(FIRST_ROWS);
  #errorNumber = new Uint32Array(FIRST_ERRORS);
  #errorCount = new Float64Array(FIRST_ERRORS);
  #errorNext = new Uint32Array(FIRST_ERRORS);
  #errors = 0;

  /** Returns how many rows there are. */
  get size(): number {
    return this.#rows;
  }

  /** Adds the next row. */
  addRow(): void {
    if (this.#rows === this.#firstCell.length) this.#growRows();
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

  /** Adds to a row's histogram calls that took from 2^bucket up to 2^(bucket + 1) ns. */
  addBucket(row: number, bucket: number, calls: number): void {
    let cell = this.#firstCell[row]!;
    while (cell !== 0 && this.#cellBucket[cell - 1] !== bucket) cell = this.#cellNext[cell - 1]!;
    if (cell === 0) cell = this.#newCell(row, bucket);
    this.#cellCount[cell - 1]! += calls;
  }

  addErrors(row: number, error: number, calls: number): void {
    let at = this.#firstError[row]!;
    while (at !== 0 && this.#errorNumber[at - 1] !== error) at = this.#errorNext[at - 1]!;
    if (at === 0) at = this.#newError(row, error);
    this.#errorCount[at - 1]! += calls;
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
    for (let cell = from.#firstCell[source]!; cell !== 0; cell = from.#cellNext[cell - 1]!) {
      this.addBucket(row, from.#cellBucket[cell - 1]!, from.#cellCount[cell - 1]!);
    }
    for (let error = from.#firstError[source]!; error !== 0; error = from.#errorNext[error - 1]!) {
      this.addErrors(row, from.#errorNumber[error - 1]!, from.#errorCount[error - 1]!);
    }
  }

  /** Tells whether a row has a call: one whose calls were lost, but not their errors, has none. */
  hasCall(row: number): boolean {
    const at = row * AMOUNTS;
    return this.#amounts[at + COUNT]! + this.#amounts[at + OPEN]! > 0 || this.#amounts[at + TOTAL]! > 0;
  }

  /** Leaves of calls that are open only the time that they had. */
  closeOpen(): void {
    const amounts = this.#amounts;
    for (let at = 0; at < this.#rows * AMOUNTS; at += AMOUNTS) amounts[at + OPEN] = amounts[at + OLDEST] = 0;
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
    if (this.#firstError[row] === 0) return NO_ERRORS;
    const errors = new Map<number, number>();
    for (let at = this.#firstError[row]!; at !== 0; at = this.#errorNext[at - 1]!) {
      errors.set(this.#errorNumber[at - 1]!, this.#errorCount[at - 1]!);
    }
    return errors;
  }

  /** Returns the length of a row's histogram, which is no longer than it must be. */
  histogramLength(row: number): number {
    let length = 0;
    for (let cell = this.#firstCell[row]!; cell !== 0; cell = this.#cellNext[cell - 1]!) {
      length = Math.max(length, this.#cellBucket[cell - 1]! + 1);
    }
    return length;
  }

  /** Puts a row's histogram into `to`, which has zeros there, from `at` on. */
  copyHistogram(row: number, to: number[] | Float64Array, at: number): void {
    for (let cell = this.#firstCell[row]!; cell !== 0; cell = this.#cellNext[cell - 1]!) {
      to[at + this.#cellBucket[cell - 1]!] = this.#cellCount[cell - 1]!;
    }
  }

  #newCell(row: number, bucket: number): number {
    if (this.#cells === this.#cellNext.length) {
      this.#cellBucket = larger(this.#cellBucket, new Uint8Array(2 * this.#cells));
      this.#cellCount = larger(this.#cellCount, new Float64Array(2 * this.#cells));
      this.#cellNext = larger(this.#cellNext, new Uint32Array(2 * this.#cells));
    }
    const cell = this.#cells++;
    this.#cellBucket[cell] = bucket;
    this.#cellNext[cell] = this.#firstCell[row]!;
    return this.#firstCell[row] = cell + 1;
  }

  #newError(row: number, error: number): number {
    if (this.#errors === this.#errorNext.length) {
      this.#errorNumber = larger(this.#errorNumber, new Uint32Array(2 * this.#errors));
      this.#errorCount = larger(this.#errorCount, new Float64Array(2 * this.#errors));
      this.#errorNext = larger(this.#errorNext, new Uint32Array(2 * this.#errors));
    }
    const at = this.#errors++;
    this.#errorNumber[at] = error;
    this.#errorNext[at] = this.#firstError[row]!;
    return this.#firstError[row] = at + 1;
  }

  #growRows(): void {
    const rows = 2 * this.#firstCell.length;
    this.#amounts = larger(this.#amounts, new Float64Array(AMOUNTS * rows));
    this.#firstCell = larger(this.#firstCell, new Uint32Array(rows));
    this.#firstError = larger(this.#firstError, new Uint32Array(rows));
  }
}

function larger<Column extends Uint8Array | Uint32Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
