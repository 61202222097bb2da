// SPDX-License-Identifier: Apache-2.0
/**
 * Holds system calls, row by row.
 *
 * @module
 */

import type { Pieces } from "../common/pieces.ts";
import { TupleTable } from "../common/tuple_table.ts";
import { CallColumns } from "./call_columns.ts";
import { addHistogram, histogramAt, offsets } from "./histogram.ts";
import type { Profile, SyscallColumns } from "./model.ts";

/** A piece of the columns has so many rows. */
const PIECE = 512;

/** Is one row of system calls; `series` is a row of that table. */
export interface SyscallRow {
  readonly series: number;
  readonly call: string;
  readonly category: string;
  /** Counts calls that ended. */
  readonly count: number;
  /** Counts nanoseconds: of the window that all calls had, and of the shortest and longest that ended, as a whole. */
  readonly total: number;
  readonly min: number;
  readonly max: number;
  /** Counts those that failed, by errno. */
  readonly errors: ReadonlyMap<number, number>;
  /** Counts those that took from 2^i up to 2^(i+1) ns, at index i; those of less than 2 ns are at 0. */
  readonly histogram: readonly number[];
  /** Counts calls that did not end, and nanoseconds since the oldest of them began. */
  readonly open: number;
  readonly oldest: number;
}

/** Returns row `row` of the table of system calls. */
export function syscallAt(
  { syscalls, strings }: Pick<Profile, "syscalls" | "strings">,
  row: number,
): SyscallRow {
  const { errorOffset, errno, errorCount } = syscalls;
  const errors = new Map<number, number>();
  for (let i = errorOffset[row]!; i < errorOffset[row + 1]!; i++) errors.set(errno[i]!, errorCount[i]!);
  return {
    series: syscalls.series[row]!,
    call: strings[syscalls.call[row]!]!,
    category: strings[syscalls.category[row]!]!,
    count: syscalls.count[row]!,
    total: syscalls.total[row]!,
    min: syscalls.min[row]!,
    max: syscalls.max[row]!,
    errors,
    histogram: histogramAt(syscalls, row),
    open: syscalls.open[row]!,
    oldest: syscalls.oldest[row]!,
  };
}

/** Sums calls: of one row, or of several. */
export class CallSums {
  count = 0;
  total = 0;
  min = Infinity;
  max = 0;
  readonly errors = new Map<number, number>();
  readonly histogram: number[] = [];
  open = 0;
  oldest = 0;

  add(row: Omit<SyscallRow, "series" | "call" | "category">): void {
    const { count, total, min, max, errors, histogram, open, oldest } = row;
    this.count += count;
    this.total += total;
    this.open += open;
    this.oldest = Math.max(this.oldest, oldest);
    if (count > 0) this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    for (const [errno, failed] of errors) {
      if (failed > 0) this.errors.set(errno, (this.errors.get(errno) ?? 0) + failed);
    }
    addHistogram(this.histogram, histogram);
  }
}

/** Holds the columns of system calls while they grow: rows that agree in series, call and category are summed. */
export class SyscallTable {
  /** The series, and the rows of the texts of call and category. */
  readonly #keys = new TupleTable();
  readonly #columns = new CallColumns();

  /** @param string gives the row of a text in the string table */
  add(syscall: SyscallRow, string: (text: string) => number): void {
    const { series, call, category, count, total, min, max, errors, histogram, open, oldest } = syscall;
    const row = this.#keys.number(series, string(call), string(category), 0);
    const columns = this.#columns;
    if (row === columns.size) columns.addRow();
    columns.addEnded(row, { calls: count, totalNs: total, minNs: min, maxNs: max });
    columns.addOpen(row, { calls: open, ns: 0, oldestNs: oldest });
    for (const [errno, failed] of errors) if (failed > 0) columns.addErrors(row, errno, failed);
    for (let bucket = 0; bucket < histogram.length; bucket++) {
      if (histogram[bucket]! > 0) columns.addBucket(row, bucket, histogram[bucket]!);
    }
  }

  /** Adds row `source` of columns of others: of tens of thousands of rows no object is made. */
  addFrom(
    { series, call, category }: Pick<SyscallRow, "series" | "call" | "category">,
    { columns: from, source }: { columns: CallColumns; source: number },
    string: (text: string) => number,
  ): void {
    const row = this.#keys.number(series, string(call), string(category), 0);
    if (row === this.#columns.size) this.#columns.addRow();
    this.#columns.addFrom(row, from, source);
  }

  /** Lets no call be open any more: what they had of their windows stays. */
  closeOpen(): void {
    for (let row = 0; row < this.#columns.size; row++) this.#columns.closeOpen(row);
  }

  /** Makes the columns, in pieces. V8 does not compile a loop within a generator while it runs: these are functions'. */
  *building(): Pieces<SyscallColumns> {
    const rows = this.#keys.size;
    const amounts = {
      ...{ series: new Uint32Array(rows), call: new Uint32Array(rows), category: new Uint32Array(rows) },
      ...{ count: new Float64Array(rows), total: new Float64Array(rows), min: new Float64Array(rows) },
      ...{ max: new Float64Array(rows), open: new Float64Array(rows), oldest: new Float64Array(rows) },
    };
    const lengths = { failed: new Uint32Array(rows), buckets: new Uint32Array(rows) };
    for (let from = 0; from < rows; from += PIECE) {
      this.#copyAmounts({ ...amounts, ...lengths }, from, Math.min(from + PIECE, rows));
      yield;
    }
    const [errorOffset, histogramOffset] = [offsets(lengths.failed), offsets(lengths.buckets)];
    const counts = {
      ...{ errorOffset, errno: new Uint32Array(errorOffset[rows]!) },
      ...{ errorCount: new Float64Array(errorOffset[rows]!), histogramOffset },
      histogram: new Float64Array(histogramOffset[rows]!),
    };
    for (let from = 0; from < rows; from += PIECE) {
      this.#copyCounts(counts, from, Math.min(from + PIECE, rows));
      yield;
    }
    return { ...amounts, ...counts };
  }

  #copyAmounts(
    to: Omit<SyscallColumns, CountColumn> & { readonly failed: Uint32Array; readonly buckets: Uint32Array },
    from: number,
    end: number,
  ): void {
    const [keys, columns] = [this.#keys, this.#columns];
    for (let row = from; row < end; row++) {
      to.series[row] = keys.word(row, 0);
      to.call[row] = keys.word(row, 1);
      to.category[row] = keys.word(row, 2);
      const amounts = columns.amounts(row);
      to.count[row] = amounts.count;
      to.total[row] = amounts.total;
      to.min[row] = amounts.min;
      to.max[row] = amounts.max;
      to.open[row] = amounts.open;
      to.oldest[row] = amounts.oldest;
      to.failed[row] = columns.errors(row).size;
      to.buckets[row] = columns.histogramLength(row);
    }
  }

  #copyCounts(to: Pick<SyscallColumns, CountColumn>, from: number, end: number): void {
    const columns = this.#columns;
    for (let row = from, at = to.errorOffset[from]!; row < end; row++) {
      columns.copyHistogram(row, to.histogram, to.histogramOffset[row]!);
      for (const [number, calls] of columns.errors(row)) {
        to.errno[at] = number;
        to.errorCount[at++] = calls;
      }
    }
  }
}

/** These have several numbers for a row. */
type CountColumn = "errorOffset" | "errno" | "errorCount" | "histogramOffset" | "histogram";
