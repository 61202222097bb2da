// SPDX-License-Identifier: Apache-2.0
/**
 * Holds waits for locks, row by row.
 *
 * @module
 */

import { TupleTable } from "../common/tuple_table.ts";
import { addHistogram, histogramAt, histogramColumns } from "./histogram.ts";
import { type LockColumns, type Outcome, OUTCOME_NUMBER, outcomeOf, type Profile } from "./model.ts";

/** Is one row of locks; rows of other tables are numbers, and `holder` is `undefined` where nobody was seen. */
export interface LockRow {
  readonly outcome: Outcome;
  readonly series: number;
  readonly stack: number;
  /** Says what the lock is for: `mutex`, `rwlock`, `condvar`, `semaphore`, `join`, `other`; the type in the kernel. */
  readonly class: string;
  /** Is `futex`, or the kernel's kind of lock: `spin`, `mutex`, `rwsem`, `rt`, …. */
  readonly type: string;
  /** Says where the lock is, as {@linkcode LockColumns} has it. */
  readonly address: string;
  readonly holder: { readonly series: number; readonly stack: number } | undefined;
  /** Counts waits that the holder ended, or that are open. */
  readonly count: number;
  /** Counts nanoseconds: of the window that all waits had of the holder, and of the longest of `count`, as a whole. */
  readonly delay: number;
  readonly max: number;
  /** Says how many of `count` took from 2^i up to 2^(i+1) ns as a whole, at index i; none where they are open. */
  readonly histogram: readonly number[];
}

/** Is a row to add; where the lock is may be left out. */
export type NewLock = Omit<LockRow, "address"> & Partial<Pick<LockRow, "address">>;

/** Returns row `row` of the table of locks. */
export function lockAt({ locks, strings }: Pick<Profile, "locks" | "strings">, row: number): LockRow {
  const holderSeries = locks.holderSeries[row]!;
  return {
    outcome: outcomeOf(locks.outcome[row]!)!,
    series: locks.series[row]!,
    stack: locks.stack[row]!,
    class: strings[locks.class[row]!]!,
    type: strings[locks.type[row]!]!,
    address: strings[locks.address[row]!]!,
    holder: holderSeries === 0 ? undefined : { series: holderSeries - 1, stack: locks.holderStack[row]! - 1 },
    count: locks.count[row]!,
    delay: locks.delay[row]!,
    max: locks.max[row]!,
    histogram: histogramAt(locks, row),
  };
}

/** Holds the columns of locks while they grow: rows that differ in nothing but their amounts are summed. */
export class LockTable {
  /** Outcome, series, stack and class; that tuple's number, type, address, and the number of the holder's. */
  readonly #waits = new TupleTable();
  readonly #holders = new TupleTable();
  readonly #keys = new TupleTable();
  readonly #outcome: number[] = [];
  readonly #series: number[] = [];
  readonly #stack: number[] = [];
  readonly #class: number[] = [];
  readonly #type: number[] = [];
  readonly #address: number[] = [];
  readonly #holderSeries: number[] = [];
  readonly #holderStack: number[] = [];
  readonly #count: number[] = [];
  readonly #delay: number[] = [];
  readonly #max: number[] = [];
  readonly #histogram: number[][] = [];

  /** @param string gives the row of a text in the string table */
  add(lock: NewLock, string: (text: string) => number): void {
    const outcome = OUTCOME_NUMBER[lock.outcome];
    const name = string(lock.class);
    const type = string(lock.type);
    const address = string(lock.address ?? "");
    const holderSeries = lock.holder ? lock.holder.series + 1 : 0;
    const holderStack = lock.holder ? lock.holder.stack + 1 : 0;
    const wait = this.#waits.number(outcome, lock.series, lock.stack, name);
    const holder = this.#holders.number(holderSeries, holderStack, 0, 0);
    const row = this.#keys.number(wait, type, address, holder);
    if (row === this.#outcome.length) {
      this.#outcome.push(outcome);
      this.#series.push(lock.series);
      this.#stack.push(lock.stack);
      this.#class.push(name);
      this.#type.push(type);
      this.#address.push(address);
      this.#holderSeries.push(holderSeries);
      this.#holderStack.push(holderStack);
      for (const column of [this.#count, this.#delay, this.#max]) column.push(0);
      this.#histogram.push([]);
    }
    this.#count[row]! += lock.count;
    this.#delay[row]! += lock.delay;
    this.#max[row] = Math.max(this.#max[row]!, lock.max);
    addHistogram(this.#histogram[row]!, lock.histogram);
  }

  /** Lets no wait be open any more: what they had of their windows stays. */
  closeOpen(): void {
    for (let row = 0; row < this.#outcome.length; row++) {
      if (this.#outcome[row] !== OUTCOME_NUMBER.open) continue;
      this.#count[row] = 0;
      this.#max[row] = 0;
    }
  }

  build(): LockColumns {
    return {
      outcome: Uint8Array.from(this.#outcome),
      series: Uint32Array.from(this.#series),
      stack: Uint32Array.from(this.#stack),
      class: Uint32Array.from(this.#class),
      type: Uint32Array.from(this.#type),
      address: Uint32Array.from(this.#address),
      holderSeries: Uint32Array.from(this.#holderSeries),
      holderStack: Uint32Array.from(this.#holderStack),
      count: Float64Array.from(this.#count),
      delay: Float64Array.from(this.#delay),
      max: Float64Array.from(this.#max),
      ...histogramColumns(this.#histogram),
    };
  }
}
