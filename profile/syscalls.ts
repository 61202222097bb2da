/**
 * System calls, row by row.
 *
 * @module
 */

import type { Profile, SyscallColumns } from "./model.ts";

/** One row of system calls; `series` is a row of that table. */
export interface SyscallRow {
  readonly series: number;
  readonly call: string;
  readonly category: string;
  readonly count: number;
  /** Nanoseconds. */
  readonly total: number;
  readonly min: number;
  readonly max: number;
  /** Counts those that failed, by errno. */
  readonly errors: ReadonlyMap<number, number>;
  /** Counts those that took from 2^i up to 2^(i+1) ns, at index i; those of less than 2 ns are at 0. */
  readonly histogram: readonly number[];
}

/** Returns row `row` of the table of system calls. */
export function syscallAt(
  { syscalls, strings }: Pick<Profile, "syscalls" | "strings">,
  row: number,
): SyscallRow {
  const { errorOffset, errno, errorCount, histogramOffset, histogram } = syscalls;
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
    histogram: Array.from(histogram.subarray(histogramOffset[row], histogramOffset[row + 1])),
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

  add({ count, total, min, max, errors, histogram }: Omit<SyscallRow, "series" | "call" | "category">): void {
    this.count += count;
    this.total += total;
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    for (const [errno, failed] of errors) {
      if (failed > 0) this.errors.set(errno, (this.errors.get(errno) ?? 0) + failed);
    }
    for (const [i, calls] of histogram.entries()) {
      if (calls === 0) continue;
      while (this.histogram.length <= i) this.histogram.push(0);
      this.histogram[i]! += calls;
    }
  }
}

/** The columns of system calls while they grow: rows that agree in series, call and category are summed. */
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
      min: Float64Array.from(sums, ({ min }) => min),
      max: Float64Array.from(sums, ({ max }) => max),
      errorOffset: offsets(sums.map(({ errors }) => errors.size)),
      errno: Uint32Array.from(sums.flatMap(({ errors }) => [...errors.keys()])),
      errorCount: Float64Array.from(sums.flatMap(({ errors }) => [...errors.values()])),
      histogramOffset: offsets(sums.map(({ histogram }) => histogram.length)),
      histogram: Float64Array.from(sums.flatMap(({ histogram }) => histogram)),
    };
  }
}

/** Returns where each of the parts, put one after the other, begins, and where the last ends. */
export function offsets(lengths: ArrayLike<number>): Uint32Array {
  const offset = new Uint32Array(lengths.length + 1);
  for (let i = 0; i < lengths.length; i++) offset[i + 1] = offset[i]! + lengths[i]!;
  return offset;
}
