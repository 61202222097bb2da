// SPDX-License-Identifier: Apache-2.0
/**
 * Holds how long locks were held, row by row.
 *
 * @module
 */

import { addHistogram, histogramAt, histogramColumns } from "./histogram.ts";
import type { HoldColumns, Profile } from "./model.ts";

/** Is one row of holds; `series` and `stack` are rows of those tables, of the thread that gave the lock back. */
export interface HoldRow {
  readonly series: number;
  readonly stack: number;
  /** Says what the lock is for, as of a wait. */
  readonly class: string;
  readonly count: number;
  /** The time is in nanoseconds. */
  readonly total: number;
  readonly max: number;
  /** Says how many took from 2^i up to 2^(i+1) ns, at index i. */
  readonly histogram: readonly number[];
}

/** Returns row `row` of the table of holds. */
export function holdAt({ holds, strings }: Pick<Profile, "holds" | "strings">, row: number): HoldRow {
  return {
    series: holds.series[row]!,
    stack: holds.stack[row]!,
    class: strings[holds.class[row]!]!,
    count: holds.count[row]!,
    total: holds.total[row]!,
    max: holds.max[row]!,
    histogram: histogramAt(holds, row),
  };
}

/** Sums holds. */
export class HoldSums {
  count = 0;
  total = 0;
  max = 0;
  readonly histogram: number[] = [];

  add({ count, total, max, histogram }: Pick<HoldRow, "count" | "total" | "max" | "histogram">): void {
    this.count += count;
    this.total += total;
    this.max = Math.max(this.max, max);
    addHistogram(this.histogram, histogram);
  }
}

/** Holds the columns of holds while they grow: rows that agree in series, stack and class are summed. */
export class HoldTable {
  readonly #rowOf = new Map<string, number>();
  readonly #series: number[] = [];
  readonly #stack: number[] = [];
  readonly #class: number[] = [];
  readonly #sums: HoldSums[] = [];

  /** @param string gives the row of a text in the string table */
  add(hold: HoldRow, string: (text: string) => number): void {
    const name = string(hold.class);
    const key = `${hold.series},${hold.stack},${name}`;
    let row = this.#rowOf.get(key);
    if (row === undefined) {
      this.#rowOf.set(key, row = this.#series.push(hold.series) - 1);
      this.#stack.push(hold.stack);
      this.#class.push(name);
      this.#sums.push(new HoldSums());
    }
    this.#sums[row]!.add(hold);
  }

  build(): HoldColumns {
    const sums = this.#sums;
    return {
      series: Uint32Array.from(this.#series),
      stack: Uint32Array.from(this.#stack),
      class: Uint32Array.from(this.#class),
      count: Float64Array.from(sums, ({ count }) => count),
      total: Float64Array.from(sums, ({ total }) => total),
      max: Float64Array.from(sums, ({ max }) => max),
      ...histogramColumns(sums.map(({ histogram }) => histogram)),
    };
  }
}
