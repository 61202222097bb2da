// SPDX-License-Identifier: Apache-2.0
/**
 * One window of a collector, which may have been drained in several goes.
 *
 * @module
 */

import type { RawHold, RawLock, RawSample, RawSyscall, Window } from "./collectors/collector.ts";

/** A row of calls while others are added to it. */
type SyscallSum = { -readonly [Key in keyof RawSyscall]: RawSyscall[Key] } & {
  errors: Map<number, number>;
  histogram: number[];
};

/** All drains of a window together gave this. */
export interface SummedWindow extends Required<Window> {
  readonly losses: Map<string, number>;
}

/**
 * Adds up what drains gave. Calls of equal (process, thread name, call) become one row.
 *
 * The time that waits and calls took is split at each drain, so its parts are summed. How many are open is true of the
 * last drain alone: what was open at an earlier one has ended since, or is open still and is told of again.
 */
export class WindowSum {
  readonly #samples: RawSample[] = [];
  readonly #locks: RawLock[] = [];
  /** What the last drain found open, from this index of `#locks` on, is told of with its count. */
  #lastLocks = 0;
  readonly #holds: RawHold[] = [];
  readonly #syscalls = new Map<string, SyscallSum>();
  readonly #losses = new Map<string, number>();
  readonly #stackEnds = new Map<string, number>();
  #drains = 0;

  /** Returns how many were added. */
  get drains(): number {
    return this.#drains;
  }

  /**
   * Adds what a drain gave, after those of all drains before it.
   *
   * @param represent returns the process that stands for the one with this id: the calls of both are summed
   */
  add(window: Window, represent: (pid: number) => number): void {
    this.#drains++;
    this.#closeOpen();
    // Not by spread, as there may be more than a call takes arguments.
    for (const sample of window.samples) this.#samples.push(sample);
    for (const lock of window.locks ?? []) this.#locks.push(lock);
    for (const hold of window.holds ?? []) this.#holds.push(hold);
    for (const call of window.syscalls ?? []) this.#addCalls(call, represent(call.pid));
    addCounts(this.#losses, window.losses);
    addCounts(this.#stackEnds, window.stackEnds ?? new Map());
  }

  build(): SummedWindow {
    return {
      samples: this.#samples,
      locks: this.#locks,
      holds: this.#holds,
      syscalls: [...this.#syscalls.values()],
      losses: this.#losses,
      stackEnds: this.#stackEnds,
    };
  }

  /** Leaves of what was open at the last drain only the time that it had. */
  #closeOpen(): void {
    for (let i = this.#lastLocks; i < this.#locks.length; i++) {
      const lock = this.#locks[i]!;
      if (lock.outcome === "open") this.#locks[i] = { ...lock, count: 0, maxNs: 0 };
    }
    this.#lastLocks = this.#locks.length;
    for (const sum of this.#syscalls.values()) sum.open = sum.oldestNs = 0;
  }

  #addCalls(row: RawSyscall, pid: number): void {
    const key = `${pid} ${row.call} ${row.comm}`;
    const sum = this.#syscalls.get(key);
    if (sum === undefined) {
      // Not by spread, which makes objects of another shape, and there are tens of thousands.
      const { comm, call, count, totalNs, minNs, maxNs, open, oldestNs } = row;
      const errors = new Map(row.errors);
      const histogram = row.histogram.slice();
      const sums = { count, totalNs, minNs, maxNs, open, oldestNs };
      this.#syscalls.set(key, { pid, comm, call, errors, histogram, ...sums });
      return;
    }
    // The least of no calls is 0, which is less than that of any.
    if (row.count > 0) sum.minNs = sum.count > 0 ? Math.min(sum.minNs, row.minNs) : row.minNs;
    sum.count += row.count;
    sum.totalNs += row.totalNs;
    sum.maxNs = Math.max(sum.maxNs, row.maxNs);
    sum.open += row.open;
    sum.oldestNs = Math.max(sum.oldestNs, row.oldestNs);
    addCounts(sum.errors, row.errors);
    const { histogram } = sum;
    for (let i = 0; i < row.histogram.length; i++) {
      if (i < histogram.length) histogram[i]! += row.histogram[i]!;
      else histogram.push(row.histogram[i]!);
    }
  }
}

/** Adds `counts` to `to`. */
export function addCounts<Key>(to: Map<Key, number>, counts: ReadonlyMap<Key, number>): void {
  for (const [name, count] of counts) to.set(name, (to.get(name) ?? 0) + count);
}
