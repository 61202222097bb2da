// SPDX-License-Identifier: Apache-2.0
/**
 * Knows which hashes need not be written again.
 *
 * @module
 */

import { LRUCache } from "lru-cache";

/**
 * Remembers, for a bounded number of hashes, the last day that is written with each. Hashes are first put
 * forward, and remembered once they are in storage: a write that failed is made again whole.
 */
export class WrittenHashes {
  readonly #written: LRUCache<bigint, number>;
  readonly #pending = new Map<bigint, number>();

  /** @param capacity how many hashes are remembered; the ones not used for longest are forgotten */
  constructor(capacity: number) {
    this.#written = new LRUCache({ max: capacity });
  }

  /**
   * Returns whether `hash` must be written with `day`: neither storage nor this write has it with that day or a later
   * one.
   *
   * @param day days since 1970
   */
  add(hash: bigint, day: number): boolean {
    if ((this.#pending.get(hash) ?? -1) >= day || (this.#written.get(hash) ?? -1) >= day) return false;
    this.#pending.set(hash, day);
    return true;
  }

  /** Remembers what was put forward: it is in storage. */
  commit(): void {
    for (const [hash, day] of this.#pending) this.#written.set(hash, day);
    this.#pending.clear();
  }

  /** Forgets all: a write failed, and what storage has is not sure any more. */
  forget(): void {
    this.#pending.clear();
    this.#written.clear();
  }
}
