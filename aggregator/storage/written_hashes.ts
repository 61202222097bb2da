// SPDX-License-Identifier: Apache-2.0
/**
 * Knows which hashes need not be written again.
 *
 * @module
 */

import { HashDays } from "./hash_days.ts";

/**
 * Remembers, for a bounded number of hashes, the last day that is written with each. Hashes are first put
 * forward, and remembered once they are in storage: a write that failed is made again whole.
 */
export class WrittenHashes {
  readonly #half: number;
  /** What was asked for since these were begun is in the first; what was before, in the second, which goes next. */
  #written = [new HashDays(), new HashDays()] as const;
  readonly #pending = new HashDays();

  /** @param capacity so many hashes are remembered at most, and half as many of those used last are for sure */
  constructor(capacity: number) {
    this.#half = Math.ceil(capacity / 2);
  }

  /**
   * Returns whether a hash must be written with `day`: neither storage nor this write has it with that day or a later
   * one.
   *
   * @param low the hash's lower half, and `high` its upper one
   * @param day days since 1970
   */
  add(low: number, high: number, day: number): boolean {
    if (this.#last(low, high) >= day || this.#pending.get(low, high) >= day) return false;
    this.#pending.set(low, high, day);
    return true;
  }

  /** Remembers what was put forward: it is in storage. */
  commit(): void {
    this.#pending.forEach((low, high, day) => this.#remember(low, high, day));
    this.#pending.clear();
  }

  /** Forgets all: a write failed, and what storage has is not sure any more. */
  forget(): void {
    for (const each of [this.#pending, ...this.#written]) each.clear();
  }

  #last(low: number, high: number): number {
    const [young, old] = this.#written;
    const day = young.get(low, high);
    if (day >= 0) return day;
    const before = old.get(low, high);
    if (before >= 0) this.#remember(low, high, before);
    return before;
  }

  #remember(low: number, high: number, day: number): void {
    const [young, old] = this.#written;
    young.set(low, high, day);
    if (young.size < this.#half) return;
    old.clear();
    this.#written = [old, young];
  }
}
