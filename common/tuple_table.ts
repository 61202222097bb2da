// SPDX-License-Identifier: Apache-2.0
/**
 * Numbers of tuples of words: nothing is made for one but its words, so that tens of thousands leave nothing to collect.
 *
 * @module
 */

/** A tuple has so many 32-bit words. */
const WIDTH = 4;
const FIRST_TUPLES = 256;
/** The room for more than that is not kept for others. */
const MAX_KEPT = 65_536;

/** Numbers tuples in the order in which they come. */
export class TupleTable {
  #words = new Uint32Array(WIDTH * FIRST_TUPLES);
  /** Open addressing; a slot holds a tuple's number + 1, 0 is free. */
  #slots = new Uint32Array(4 * FIRST_TUPLES);
  #size = 0;

  /** Returns how many there are. */
  get size(): number {
    return this.#size;
  }

  /** Returns the number of a tuple; {@linkcode size} before the call where it is new. Words are taken modulo 2^32. */
  number(a: number, b: number, c: number, d: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(a, b, c, d) & mask;; slot = (slot + 1) & mask) {
      const known = this.#slots[slot]!;
      if (known === 0) return this.#add(slot, a, b, c, d);
      const at = (known - 1) * WIDTH;
      const words = this.#words;
      if (
        words[at] === a >>> 0 && words[at + 1] === b >>> 0 && words[at + 2] === c >>> 0 &&
        words[at + 3] === d >>> 0
      ) return known - 1;
    }
  }

  /** Forgets all tuples; the room that they had is there for others. */
  clear(): void {
    if (this.#slots.length > 4 * MAX_KEPT) {
      this.#words = new Uint32Array(WIDTH * FIRST_TUPLES);
      this.#slots = new Uint32Array(4 * FIRST_TUPLES);
    } else if (this.#size > 0) {
      this.#slots.fill(0);
    }
    this.#size = 0;
  }

  /** Returns word `index`, from 0 to 3, of a tuple. */
  word(number: number, index: number): number {
    return this.#words[number * WIDTH + index]!;
  }

  #add(slot: number, a: number, b: number, c: number, d: number): number {
    const number = this.#size++;
    const at = number * WIDTH;
    if (at === this.#words.length) {
      const words = new Uint32Array(2 * this.#words.length);
      words.set(this.#words);
      this.#words = words;
    }
    const words = this.#words;
    words[at] = a;
    words[at + 1] = b;
    words[at + 2] = c;
    words[at + 3] = d;
    this.#slots[slot] = number + 1;
    if (this.#size * 2 > this.#slots.length) this.#growSlots();
    return number;
  }

  #growSlots(): void {
    const slots = new Uint32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    const words = this.#words;
    for (let number = 0, at = 0; number < this.#size; number++, at += WIDTH) {
      let slot = hashOf(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

function hashOf(a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a, 0x9e3779b1) ^ b;
  hash = Math.imul(hash ^ hash >>> 15, 0x85ebca6b) ^ c;
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35) ^ d;
  hash = Math.imul(hash ^ hash >>> 16, 0x27d4eb2f);
  return hash ^ hash >>> 15;
}
