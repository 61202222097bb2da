// SPDX-License-Identifier: Apache-2.0
/**
 * What was counted of system calls, in columns.
 *
 * A build has tens of thousands of rows of (process, thread name, call) in a window. As objects they outlive the engine's
 * space for young ones, and to collect them then is most of what they cost; in columns a row is a hundred bytes, and
 * nothing that is to be collected.
 *
 * @module
 */

import type { ProgramOf, RawSyscall } from "./collector.ts";
import { TupleTable } from "./tuple_table.ts";

const FIRST_ROWS = 256;
const FIRST_CELLS = 512;
/** The numbers that a row has, beside its key and its histogram. */
const AMOUNTS = 6;
const [COUNT, TOTAL, MIN, MAX, OPEN, OLDEST] = [0, 1, 2, 3, 4, 5] as const;
/** Most calls have none. */
const NO_ERRORS: ReadonlyMap<number, number> = new Map();

/** Rows of calls, one for each process and its program, thread name and call. */
export class CallTable implements Iterable<RawSyscall> {
  readonly #texts: string[] = [];
  readonly #textNumbers = new Map<string, number>();
  /** The process, its program, and the numbers of the thread's name and the call. */
  readonly #keys = new TupleTable();
  #amounts = new Float64Array(AMOUNTS * FIRST_ROWS);
  /** A row's first cell + 1; 0 without one. */
  #firstCell = new Uint32Array(FIRST_ROWS);
  /** A cell is a bucket of a histogram that is not 0, with its count and the next one of its row + 1. */
  #cellBucket = new Uint8Array(FIRST_CELLS);
  #cellCount = new Float64Array(FIRST_CELLS);
  #cellNext = new Uint32Array(FIRST_CELLS);
  #cells = 0;
  readonly #errors = new Map<number, Map<number, number>>();

  /** Returns the number of a thread's name, or of the name of a call. */
  text(text: string): number {
    let number = this.#textNumbers.get(text);
    if (number === undefined) this.#textNumbers.set(text, number = this.#texts.push(text) - 1);
    return number;
  }

  /** Returns the row of a process and the numbers of two texts. */
  row({ pid, program = 0 }: ProgramOf, comm: number, call: number): number {
    const rows = this.#keys.size;
    const row = this.#keys.number(pid, program, comm, call);
    if (row === rows) {
      if (row === this.#firstCell.length) this.#growRows();
      this.#amounts[row * AMOUNTS + MIN] = Infinity;
    }
    return row;
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

  /** Adds to a row's histogram calls that took from 2^bucket up to 2^(bucket + 1) ns. */
  addBucket(row: number, bucket: number, calls: number): void {
    let cell = this.#firstCell[row]!;
    while (cell !== 0 && this.#cellBucket[cell - 1] !== bucket) cell = this.#cellNext[cell - 1]!;
    if (cell === 0) cell = this.#newCell(row, bucket);
    this.#cellCount[cell - 1]! += calls;
  }

  addErrors(row: number, error: number, calls: number): void {
    const errors = this.#errors.getOrInsertComputed(row, () => new Map());
    errors.set(error, (errors.get(error) ?? 0) + calls);
  }

  /** Adds calls that did not end, which had so much of the window, to a row. */
  addOpen(row: number, { calls, ns, oldestNs }: { calls: number; ns: number; oldestNs: number }): void {
    const amounts = this.#amounts;
    const at = row * AMOUNTS;
    amounts[at + TOTAL]! += ns;
    amounts[at + OPEN]! += calls;
    amounts[at + OLDEST] = Math.max(amounts[at + OLDEST]!, oldestNs);
  }

  /**
   * Adds rows of others.
   *
   * @param represent returns the process that is told in the place of this one
   */
  addAll(rows: Iterable<RawSyscall>, represent: (process: ProgramOf) => ProgramOf): void {
    if (rows instanceof CallTable) this.#addTable(rows, represent);
    else for (const row of rows) this.#addRow(row, represent(row));
  }

  #addRow(
    { comm, call, count, errors, totalNs, minNs, maxNs, histogram, open, oldestNs }: RawSyscall,
    process: ProgramOf,
  ): void {
    const row = this.row(process, this.text(comm), this.text(call));
    this.addEnded(row, { calls: count, totalNs, minNs, maxNs });
    if (open > 0) this.addOpen(row, { calls: open, ns: 0, oldestNs });
    for (let bucket = 0; bucket < histogram.length; bucket++) {
      if (histogram[bucket]! > 0) this.addBucket(row, bucket, histogram[bucket]!);
    }
    for (const [error, calls] of errors) this.addErrors(row, error, calls);
  }

  /** Adds the columns of another table: of tens of thousands of rows no object is made. */
  #addTable(from: CallTable, represent: (process: ProgramOf) => ProgramOf): void {
    const texts = from.#texts.map((text) => this.text(text));
    const keys = from.#keys;
    for (let row = 0; row < keys.size; row++) {
      if (!from.#hasCall(row)) continue;
      const process = represent({ pid: keys.word(row, 0), program: keys.word(row, 1) });
      const to = this.row(process, texts[keys.word(row, 2)]!, texts[keys.word(row, 3)]!);
      this.#addAmounts(to, from.#amounts, row * AMOUNTS);
      for (let cell = from.#firstCell[row]!; cell !== 0; cell = from.#cellNext[cell - 1]!) {
        this.addBucket(to, from.#cellBucket[cell - 1]!, from.#cellCount[cell - 1]!);
      }
      for (const [error, calls] of from.#errors.get(row) ?? NO_ERRORS) this.addErrors(to, error, calls);
    }
  }

  #addAmounts(row: number, from: Float64Array, source: number): void {
    const amounts = this.#amounts;
    const at = row * AMOUNTS;
    for (const sum of [COUNT, TOTAL, OPEN]) amounts[at + sum]! += from[source + sum]!;
    // The least of no calls is Infinity.
    amounts[at + MIN] = Math.min(amounts[at + MIN]!, from[source + MIN]!);
    for (const most of [MAX, OLDEST]) {
      amounts[at + most] = Math.max(amounts[at + most]!, from[source + most]!);
    }
  }

  /** Tells whether a row has a call: one whose calls were lost, but not their errors, has none. */
  #hasCall(row: number): boolean {
    const at = row * AMOUNTS;
    return this.#amounts[at + COUNT]! + this.#amounts[at + OPEN]! > 0 || this.#amounts[at + TOTAL]! > 0;
  }

  /** Leaves of calls that are open only the time that they had. */
  closeOpen(): void {
    const amounts = this.#amounts;
    for (let at = 0; at < this.#keys.size * AMOUNTS; at += AMOUNTS) {
      amounts[at + OPEN] = amounts[at + OLDEST] = 0;
    }
  }

  /** Yields the rows that have a call. */
  *[Symbol.iterator](): Generator<RawSyscall> {
    for (let row = 0; row < this.#keys.size; row++) {
      if (!this.#hasCall(row)) continue;
      const amount = (index: number) => this.#amounts[row * AMOUNTS + index]!;
      const [count, open] = [amount(COUNT), amount(OPEN)];
      yield {
        pid: this.#keys.word(row, 0),
        program: this.#keys.word(row, 1),
        comm: this.#texts[this.#keys.word(row, 2)]!,
        call: this.#texts[this.#keys.word(row, 3)]!,
        ...{ count, errors: this.#errors.get(row) ?? NO_ERRORS },
        ...{ totalNs: amount(TOTAL), minNs: count > 0 ? amount(MIN) : 0, maxNs: amount(MAX) },
        ...{ histogram: this.#histogramOf(row), open, oldestNs: amount(OLDEST) },
      };
    }
  }

  /** Returns a row's histogram, which is no longer than it must be. */
  #histogramOf(row: number): number[] {
    const histogram: number[] = [];
    for (let cell = this.#firstCell[row]!; cell !== 0; cell = this.#cellNext[cell - 1]!) {
      const bucket = this.#cellBucket[cell - 1]!;
      while (histogram.length <= bucket) histogram.push(0);
      histogram[bucket] = this.#cellCount[cell - 1]!;
    }
    return histogram;
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

  #growRows(): void {
    const rows = 2 * this.#firstCell.length;
    this.#amounts = larger(this.#amounts, new Float64Array(AMOUNTS * rows));
    this.#firstCell = larger(this.#firstCell, new Uint32Array(rows));
  }
}

function larger<Column extends Uint8Array | Uint32Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
