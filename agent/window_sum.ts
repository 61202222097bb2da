/**
 * One window of a collector, which may have been drained in several goes.
 *
 * @module
 */

import type { RawLock, RawSample, RawSyscall, Window } from "./collectors/collector.ts";

/** A row of calls while others are added to it. */
type SyscallSum = { -readonly [Key in keyof RawSyscall]: RawSyscall[Key] } & {
  errors: Map<number, number>;
  histogram: number[];
};

/** What all drains of a window gave. */
export interface SummedWindow extends Required<Window> {
  readonly losses: Map<string, number>;
}

/** Adds up what drains gave. Calls of equal (process, thread name, call) become one row. */
export class WindowSum {
  readonly #samples: RawSample[] = [];
  readonly #locks: RawLock[] = [];
  readonly #syscalls = new Map<string, SyscallSum>();
  readonly #losses = new Map<string, number>();
  readonly #stacks = new Map<string, number>();
  #drains = 0;

  /** How many were added. */
  get drains(): number {
    return this.#drains;
  }

  /** @param represent the process that stands for the one with this id: the calls of both are summed */
  add(window: Window, represent: (pid: number) => number): void {
    this.#drains++;
    // Not by spread, as there may be more than a call takes arguments.
    for (const sample of window.samples) this.#samples.push(sample);
    for (const lock of window.locks ?? []) this.#locks.push(lock);
    for (const call of window.syscalls ?? []) this.#addCalls(call, represent(call.pid));
    addCounts(this.#losses, window.losses);
    addCounts(this.#stacks, window.stacks ?? new Map());
  }

  build(): SummedWindow {
    return {
      samples: this.#samples,
      locks: this.#locks,
      syscalls: [...this.#syscalls.values()],
      losses: this.#losses,
      stacks: this.#stacks,
    };
  }

  #addCalls(row: RawSyscall, pid: number): void {
    const key = `${pid} ${row.call} ${row.comm}`;
    const sum = this.#syscalls.get(key);
    if (sum === undefined) {
      // Not by spread, which makes objects of another shape, and there are tens of thousands.
      const { comm, call, count, totalNs, minNs, maxNs } = row;
      const errors = new Map(row.errors);
      const histogram = row.histogram.slice();
      this.#syscalls.set(key, { pid, comm, call, count, errors, totalNs, minNs, maxNs, histogram });
      return;
    }
    sum.count += row.count;
    sum.totalNs += row.totalNs;
    sum.minNs = Math.min(sum.minNs, row.minNs);
    sum.maxNs = Math.max(sum.maxNs, row.maxNs);
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
