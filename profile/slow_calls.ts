// SPDX-License-Identifier: Apache-2.0
/**
 * Holds the calls that took long, row by row: what they were made on, and what their threads did meanwhile.
 *
 * @module
 */

import type { Profile, SlowCallColumns } from "./model.ts";

/** Holds the amounts of a row; times are in nanoseconds. */
export interface SlowCallAmounts {
  readonly count: number;
  /** Is the time of all calls from begin to end. */
  readonly total: number;
  /** Is the part of `total` on a CPU, and the part waiting for a lock of the kernel; in the rest they were blocked. */
  readonly onCpu: number;
  readonly inLock: number;
  /** Is the time of the longest. */
  readonly max: number;
}

/** Is one row of slow calls; `series` is a row of that table. */
export interface SlowCallRow extends SlowCallAmounts {
  readonly series: number;
  readonly call: string;
  readonly category: string;
  /** Is the path of a file, the peer of a socket, or the kind of descriptor; "" where it has none, or is not known. */
  readonly object: string;
}

/** Returns row `row` of the table of slow calls. */
export function slowCallAt(
  { slowCalls, strings }: Pick<Profile, "slowCalls" | "strings">,
  row: number,
): SlowCallRow {
  return {
    series: slowCalls.series[row]!,
    call: strings[slowCalls.call[row]!]!,
    category: strings[slowCalls.category[row]!]!,
    object: strings[slowCalls.object[row]!]!,
    count: slowCalls.count[row]!,
    total: slowCalls.total[row]!,
    onCpu: slowCalls.onCpu[row]!,
    inLock: slowCalls.inLock[row]!,
    max: slowCalls.max[row]!,
  };
}

/** Sums slow calls. */
export class SlowCallSums {
  count = 0;
  total = 0;
  onCpu = 0;
  inLock = 0;
  max = 0;

  add({ count, total, onCpu, inLock, max }: SlowCallAmounts): void {
    this.count += count;
    this.total += total;
    this.onCpu += onCpu;
    this.inLock += inLock;
    this.max = Math.max(this.max, max);
  }
}

/** Holds the columns of slow calls while they grow: rows that agree in all but amounts are summed. */
export class SlowCallTable {
  readonly #rowOf = new Map<string, number>();
  readonly #series: number[] = [];
  readonly #call: number[] = [];
  readonly #category: number[] = [];
  readonly #object: number[] = [];
  readonly #sums: SlowCallSums[] = [];

  /** @param string gives the row of a text in the string table */
  add(slow: SlowCallRow, string: (text: string) => number): void {
    const call = string(slow.call);
    const category = string(slow.category);
    const object = string(slow.object);
    const key = `${slow.series},${call},${category},${object}`;
    let row = this.#rowOf.get(key);
    if (row === undefined) {
      this.#rowOf.set(key, row = this.#series.push(slow.series) - 1);
      this.#call.push(call);
      this.#category.push(category);
      this.#object.push(object);
      this.#sums.push(new SlowCallSums());
    }
    this.#sums[row]!.add(slow);
  }

  build(): SlowCallColumns {
    const sums = this.#sums;
    return {
      series: Uint32Array.from(this.#series),
      call: Uint32Array.from(this.#call),
      category: Uint32Array.from(this.#category),
      object: Uint32Array.from(this.#object),
      count: Float64Array.from(sums, ({ count }) => count),
      total: Float64Array.from(sums, ({ total }) => total),
      onCpu: Float64Array.from(sums, ({ onCpu }) => onCpu),
      inLock: Float64Array.from(sums, ({ inLock }) => inLock),
      max: Float64Array.from(sums, ({ max }) => max),
    };
  }
}
