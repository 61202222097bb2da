// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what was counted of system calls in columns.
 *
 * @module
 */

import { TupleTable } from "../../common/tuple_table.ts";
import { CallColumns } from "../../profile/call_columns.ts";
import type { ProgramOf, RawSyscall } from "./collector.ts";

/** Rows of calls, one for each process and its program, thread name and call. */
export class CallTable implements Iterable<RawSyscall> {
  readonly #texts: string[] = [];
  readonly #textNumbers = new Map<string, number>();
  /** The process, its program, and the numbers of the thread's name and the call. */
  readonly #keys = new TupleTable();
  readonly #columns = new CallColumns();

  /** Returns a table of rows; the rows themselves where they are one. */
  static of(rows: Iterable<RawSyscall>): CallTable {
    if (rows instanceof CallTable) return rows;
    const table = new CallTable();
    table.addAll(rows, (process) => process);
    return table;
  }

  /** Forgets all rows and texts; the room that they had is there for others. */
  clear(): void {
    this.#texts.length = 0;
    this.#textNumbers.clear();
    this.#keys.clear();
    this.#columns.clear();
  }

  /** Returns the number of a thread's name, or of the name of a call. */
  text(text: string): number {
    let number = this.#textNumbers.get(text);
    if (number === undefined) this.#textNumbers.set(text, number = this.#texts.push(text) - 1);
    return number;
  }

  /** Returns the row of a process and the numbers of two texts. */
  row({ pid, program = 0 }: ProgramOf, comm: number, call: number): number {
    return this.rowOf(pid, program, comm, call);
  }

  /** Returns what {@linkcode row} does, for which nothing is made. */
  rowOf(pid: number, program: number, comm: number, call: number): number {
    const row = this.#keys.number(pid, program, comm, call);
    if (row === this.#columns.size) this.#columns.addRow();
    return row;
  }

  /** Adds calls that ended to a row; the least time means nothing where there are none. */
  addEnded(
    row: number,
    ended: { calls: number; totalNs: number; minNs: number; maxNs: number },
  ): void {
    this.#columns.addEnded(row, ended);
  }

  /** Adds to a row's histogram calls that took from 2^bucket up to 2^(bucket + 1) ns. */
  addBucket(row: number, bucket: number, calls: number): void {
    this.#columns.addBucket(row, bucket, calls);
  }

  addErrors(row: number, error: number, calls: number): void {
    this.#columns.addErrors(row, error, calls);
  }

  /** Adds calls that did not end, which had so much of the window, to a row. */
  addOpen(row: number, open: { calls: number; ns: number; oldestNs: number }): void {
    this.#columns.addOpen(row, open);
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
    const processes = new TupleTable();
    const represented: ProgramOf[] = [];
    for (let row = 0; row < keys.size; row++) {
      if (!from.#columns.hasCall(row)) continue;
      const known = processes.number(keys.word(row, 0), keys.word(row, 1), 0, 0);
      const { pid, program = 0 } = represented[known] ??= represent({
        pid: keys.word(row, 0),
        program: keys.word(row, 1),
      });
      const to = this.rowOf(pid, program, texts[keys.word(row, 2)]!, texts[keys.word(row, 3)]!);
      this.#columns.addFrom(to, from.#columns, row);
    }
  }

  /** Returns how many rows there are, some of which may have no call. */
  get size(): number {
    return this.#keys.size;
  }

  /** Tells whether a row has a call: one of which only errors are known has none. */
  hasCall(row: number): boolean {
    return this.#columns.hasCall(row);
  }

  pid(row: number): number {
    return this.#keys.word(row, 0);
  }

  program(row: number): number {
    return this.#keys.word(row, 1);
  }

  /** Returns the name of a row's thread. */
  comm(row: number): string {
    return this.#texts[this.#keys.word(row, 2)]!;
  }

  /** Returns the name of a row's call. */
  call(row: number): string {
    return this.#texts[this.#keys.word(row, 3)]!;
  }

  /** What calls of each row took. */
  get columns(): CallColumns {
    return this.#columns;
  }

  /** Yields the rows that have a call. */
  *[Symbol.iterator](): Generator<RawSyscall> {
    for (let row = 0; row < this.size; row++) {
      if (!this.hasCall(row)) continue;
      const { count, total, min, max, open, oldest } = this.#columns.amounts(row);
      yield {
        ...{ pid: this.pid(row), program: this.program(row), comm: this.comm(row), call: this.call(row) },
        ...{ count, errors: this.#columns.errors(row), totalNs: total, minNs: min, maxNs: max },
        ...{ histogram: this.#histogramOf(row), open, oldestNs: oldest },
      };
    }
  }

  #histogramOf(row: number): number[] {
    const histogram = new Array<number>(this.#columns.histogramLength(row)).fill(0);
    this.#columns.copyHistogram(row, histogram, 0);
    return histogram;
  }
}
