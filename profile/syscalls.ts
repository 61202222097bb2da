// SPDX-License-Identifier: Apache-2.0
/**
 * Holds system calls, row by row.
 *
 * @module
 */

import { addHistogram, histogramAt, histogramColumns, offsets } from "./histogram.ts";
import type { Profile, SyscallColumns } from "./model.ts";

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
  readonly #rowOf = new Map<string, number>();
  readonly #series: number[] = [];
  readonly #call: number[] = [];
  readonly #category: number[] = [];
  readonly #sums: CallSums[] = [];

  /** @param string gives the row of a text in the string table */
  add(syscall: SyscallRow, string: (text: string) => number): void {
    const call = string(syscall.call);
    const category = string(syscall.category);
    const key = `${syscall.series},${call},${category}`;
    let row = this.#rowOf.get(key);
    if (row === undefined) {
      this.#rowOf.set(key, row = this.#series.push(syscall.series) - 1);
      this.#call.push(call);
      this.#category.push(category);
      this.#sums.push(new CallSums());
    }
    this.#sums[row]!.add(syscall);
  }

  build(): SyscallColumns {
    const sums = this.#sums;
    return {
      series: Uint32Array.from(this.#series),
      call: Uint32Array.from(this.#call),
      category: Uint32Array.from(this.#category),
      count: Float64Array.from(sums, ({ count }) => count),
      total: Float64Array.from(sums, ({ total }) => total),
      min: Float64Array.from(sums, ({ count, min }) => count > 0 ? min : 0),
      max: Float64Array.from(sums, ({ max }) => max),
      errorOffset: offsets(sums.map(({ errors }) => errors.size)),
      errno: Uint32Array.from(sums.flatMap(({ errors }) => [...errors.keys()])),
      errorCount: Float64Array.from(sums.flatMap(({ errors }) => [...errors.values()])),
      ...histogramColumns(sums.map(({ histogram }) => histogram)),
      open: Float64Array.from(sums, ({ open }) => open),
      oldest: Float64Array.from(sums, ({ oldest }) => oldest),
    };
  }
}
