// SPDX-License-Identifier: Apache-2.0
/**
 * Maps hashes to days, in typed arrays: a bigint for each look-up, and an entry for each hash, would be most of what
 * writing a batch costs whose names are all known.
 *
 * @module
 */

const FIRST_SLOTS = 1024;
/** They are drawn anew by each process: senders know how hashes are made, and would know what shares a slot. */
const [HIGH_FACTOR, FACTOR] = [oddNumber(), oddNumber()];

/** Is a table with open addressing, of hashes by their halves and the day of each, which grows. */
export class HashDays {
  #halves = new Uint32Array(2 * FIRST_SLOTS);
  /** Holds the day plus one; 0 is a slot that nothing is in. */
  #days = new Uint32Array(FIRST_SLOTS);
  #size = 0;

  /** Counts the hashes. */
  get size(): number {
    return this.#size;
  }

  /** Returns the day of a hash; -1 for one that is not in it. */
  get(low: number, high: number): number {
    return this.#days[this.#slot(low, high)]! - 1;
  }

  /** Sets the day of a hash. */
  set(low: number, high: number, day: number): void {
    const slot = this.#slot(low, high);
    if (this.#days[slot] === 0) {
      this.#halves[2 * slot] = low;
      this.#halves[2 * slot + 1] = high;
      this.#size++;
    }
    this.#days[slot] = day + 1;
    if (2 * this.#size > this.#days.length) this.#grow();
  }

  /** Calls `each` with all that it holds. */
  forEach(each: (low: number, high: number, day: number) => void): void {
    for (let slot = 0; slot < this.#days.length; slot++) {
      const day = this.#days[slot]!;
      if (day > 0) each(this.#halves[2 * slot]!, this.#halves[2 * slot + 1]!, day - 1);
    }
  }

  /** Removes all. */
  clear(): void {
    if (this.#size > 0) this.#days.fill(0);
    this.#size = 0;
  }

  /** Returns where a hash is, or would be. */
  #slot(low: number, high: number): number {
    const mask = this.#days.length - 1;
    let slot = Math.imul(low ^ Math.imul(high, HIGH_FACTOR), FACTOR) >>> Math.clz32(mask);
    while (
      this.#days[slot] !== 0 && (this.#halves[2 * slot] !== low || this.#halves[2 * slot + 1] !== high)
    ) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  #grow(): void {
    const [halves, days] = [this.#halves, this.#days];
    this.#halves = new Uint32Array(2 * halves.length);
    this.#days = new Uint32Array(2 * days.length);
    this.#size = 0;
    for (let from = 0; from < days.length; from++) {
      const day = days[from]!;
      if (day > 0) this.set(halves[2 * from]!, halves[2 * from + 1]!, day - 1);
    }
  }
}

/** Draws an odd number of 32 bits: a product with it loses nothing. */
function oddNumber(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! | 1;
}
