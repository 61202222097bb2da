// SPDX-License-Identifier: Apache-2.0
/**
 * One window of a collector, which may have been drained in several goes.
 *
 * @module
 */

import { CallTable } from "./collectors/call_table.ts";
import type {
  ProgramOf,
  RawHold,
  RawLock,
  RawSample,
  RawSlowCall,
  RawStack,
  Window,
} from "./collectors/collector.ts";
import { TupleTable } from "../common/tuple_table.ts";
import { OUTCOME_NUMBER } from "../profile/model.ts";
import { HINT } from "./libbpf/mod.ts";
import { WindowPlaces } from "./window_places.ts";

type Represent = (process: ProgramOf) => ProgramOf;
/** Stands for the number of a place where there is none. */
const NOBODY = 2 ** 32 - 1;

/** A row while others are added to it. */
type Sum<Row> = { -readonly [Key in keyof Row]: Row[Key] };
type LockSum = Sum<RawLock> & { histogram: number[] };
type HoldSum = Sum<RawHold> & { histogram: number[] };

/** All drains of a window together gave this. */
export interface SummedWindow extends Required<Omit<Window, "failure" | "release">> {
  readonly syscalls: CallTable;
  readonly losses: Map<string, number>;
}

/** Adds up what drains gave. Rows that agree in all but amounts become one. What is open the last of them tells alone. */
export class WindowSum {
  readonly #places = new WindowPlaces();
  /** Numbers of places, for the keys of rows. */
  readonly #numbers = new Map<RawStack, number>();
  /** The numbers of the place, and of the call; {@linkcode NOBODY} where there is none. */
  readonly #sampleKeys = new TupleTable();
  readonly #samples: Sum<RawSample>[] = [];
  readonly #calls = new Map<string, number>();
  /** The numbers of waiter and holder, of the type, and of the outcome. */
  readonly #lockKeys = new TupleTable();
  readonly #locks: LockSum[] = [];
  /** The number of the holder, and hints. */
  readonly #holdKeys = new TupleTable();
  readonly #holds: HoldSum[] = [];
  readonly #types = new Map<string, number>();
  readonly #syscalls: CallTable;
  readonly #slowCalls = new Map<string, Sum<RawSlowCall>>();
  readonly #losses = new Map<string, number>();
  readonly #stackEnds = new Map<string, number>();
  #drains = 0;

  /** @param syscalls is where calls are added up; it is empty @default {a new one} */
  constructor(syscalls = new CallTable()) {
    this.#syscalls = syscalls;
  }

  /** Returns how many were added. */
  get drains(): number {
    return this.#drains;
  }

  /**
   * Adds what a drain gave.
   *
   * @param represent returns the process that stands for this one: what both did is summed
   */
  add(window: Window, represent: Represent): void {
    this.#drains++;
    for (const sample of window.samples) this.#addSample(sample, represent);
    for (const lock of window.locks ?? []) this.#addLock(lock, represent);
    for (const hold of window.holds ?? []) this.#addHold(hold, represent);
    this.#syscalls.addAll(window.syscalls ?? [], represent);
    for (const slow of window.slowCalls ?? []) this.#addSlowCall(slow, represent(slow));
    this.#places.endDrain();
    addCounts(this.#losses, window.losses);
    addCounts(this.#stackEnds, window.stackEnds ?? new Map());
  }

  build(): SummedWindow {
    return {
      samples: this.#samples,
      locks: this.#locks,
      holds: this.#holds,
      syscalls: this.#syscalls,
      slowCalls: [...this.#slowCalls.values()],
      losses: this.#losses,
      stackEnds: this.#stackEnds,
    };
  }

  #addSlowCall(row: RawSlowCall, { pid, program }: ProgramOf): void {
    const key = [pid, program, row.call, row.comm, row.object].join("\0");
    const sum = this.#slowCalls.get(key);
    if (sum === undefined) {
      this.#slowCalls.set(key, { ...row, pid, program });
      return;
    }
    sum.count += row.count;
    sum.totalNs += row.totalNs;
    sum.onCpuNs += row.onCpuNs;
    sum.inLockNs += row.inLockNs;
    sum.maxNs = Math.max(sum.maxNs, row.maxNs);
  }

  #numberOf(place: RawStack | undefined): number {
    if (place === undefined) return NOBODY;
    let number = this.#numbers.get(place);
    if (number === undefined) this.#numbers.set(place, number = this.#numbers.size);
    return number;
  }

  #addSample(sample: RawSample, represent: Represent): void {
    const place = this.#places.of(sample, represent);
    const { value, count, call } = sample;
    const of = call === undefined ? NOBODY : this.#calls.getOrInsertComputed(call, () => this.#calls.size);
    const sum = this.#samples[this.#sampleKeys.number(this.#numberOf(place), of, 0, 0)];
    if (sum === undefined) {
      this.#samples.push({ ...place, value, count, ...call !== undefined && { call } });
      return;
    }
    sum.value += value;
    sum.count += count;
  }

  #addLock(row: RawLock, represent: Represent): void {
    const waiter = this.#places.of(row.waiter, represent);
    const holder = row.holder && this.#places.of(row.holder, represent);
    const { type, outcome, count, delayNs, maxNs, hints, value } = row;
    // An address means nothing in the process that stands for the waiter's.
    const address = waiter.pid === row.waiter.pid && waiter.program === row.waiter.program ? row.address : 0n;
    const typeNumber = this.#types.getOrInsertComputed(type, () => this.#types.size);
    const number = this.#lockKeys.number(
      this.#numberOf(waiter),
      this.#numberOf(holder),
      typeNumber,
      OUTCOME_NUMBER[outcome],
    );
    const sum = this.#locks[number];
    if (sum === undefined) {
      const histogram = row.histogram.slice();
      const amounts = { count, delayNs, maxNs, histogram };
      this.#locks.push({ waiter, holder, type, outcome, hints, value, address, ...amounts });
      return;
    }
    sum.count += count;
    sum.delayNs += delayNs;
    sum.maxNs = Math.max(sum.maxNs, maxNs);
    sum.hints |= hints;
    sum.value = value;
    if (sum.address !== address) {
      sum.address = 0n;
      sum.hints |= HINT.severalAddresses;
    }
    addHistogram(sum.histogram, row.histogram);
  }

  #addHold(row: RawHold, represent: Represent): void {
    const holder = this.#places.of(row.holder, represent);
    const { hints, count, totalNs, maxNs } = row;
    const sum = this.#holds[this.#holdKeys.number(this.#numberOf(holder), hints, 0, 0)];
    if (sum === undefined) {
      const histogram = row.histogram.slice();
      this.#holds.push({ holder, hints, count, totalNs, maxNs, histogram });
      return;
    }
    sum.count += count;
    sum.totalNs += totalNs;
    sum.maxNs = Math.max(sum.maxNs, maxNs);
    addHistogram(sum.histogram, row.histogram);
  }
}

function addHistogram(to: number[], histogram: readonly number[]): void {
  for (let i = 0; i < histogram.length; i++) {
    if (i < to.length) to[i]! += histogram[i]!;
    else to.push(histogram[i]!);
  }
}

/** Adds `counts` to `to`. */
export function addCounts<Key>(to: Map<Key, number>, counts: ReadonlyMap<Key, number>): void {
  for (const [name, count] of counts) to.set(name, (to.get(name) ?? 0) + count);
}
