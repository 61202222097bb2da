// SPDX-License-Identifier: Apache-2.0
/**
 * The stacks that drains gave of late, by the hash that the kernel names each by: equal ones have the same, in every
 * window and of every kind.
 *
 * Most stacks of a window were in the one before. Each is read and kept once, so that tens of thousands of arrays a window
 * are neither made nor collected, and who comes upon one again knows it by the object.
 *
 * @module
 */

/** All together may have so many addresses. */
const MAX_ADDRESSES = 1 << 19;
const FIRST_SLOTS = 1024;

/** Open addressing; a slot without a stack is free. */
class Generation {
  #names = new Uint32Array(2 * FIRST_SLOTS);
  #stacks = new Array<readonly number[] | undefined>(FIRST_SLOTS).fill(undefined);
  #count = 0;
  addresses = 0;

  get(low: number, high: number): readonly number[] | undefined {
    return this.#stacks[this.#slot(low, high)];
  }

  /** Adds a stack that is not there. */
  add(low: number, high: number, stack: readonly number[]): void {
    if (this.#count * 2 >= this.#stacks.length) this.#grow();
    const slot = this.#slot(low, high);
    this.#names[2 * slot] = low;
    this.#names[2 * slot + 1] = high;
    this.#stacks[slot] = stack;
    this.#count++;
    this.addresses += stack.length;
  }

  /** Returns the slot that has the name, or the free one where it belongs. */
  #slot(low: number, high: number): number {
    const mask = this.#stacks.length - 1;
    const names = this.#names;
    for (let slot = (low ^ high >>> 7) & mask;; slot = (slot + 1) & mask) {
      if (this.#stacks[slot] === undefined) return slot;
      if (names[2 * slot] === low && names[2 * slot + 1] === high) return slot;
    }
  }

  #grow(): void {
    const [names, stacks] = [this.#names, this.#stacks];
    this.#names = new Uint32Array(2 * names.length);
    this.#stacks = new Array<readonly number[] | undefined>(2 * stacks.length).fill(undefined);
    for (const [from, stack] of stacks.entries()) {
      if (stack === undefined) continue;
      const [low, high] = [names[2 * from]!, names[2 * from + 1]!];
      const slot = this.#slot(low, high);
      this.#names[2 * slot] = low;
      this.#names[2 * slot + 1] = high;
      this.#stacks[slot] = stack;
    }
  }
}

/** Keeps them in two generations: once the young one is half of all, it is the old one, whose stacks go if nobody asks. */
export class KnownStacks {
  readonly #max: number;
  #young = new Generation();
  #old = new Generation();

  /** @param maxAddresses all stacks together may have so many @default {524288} */
  constructor(maxAddresses = MAX_ADDRESSES) {
    this.#max = maxAddresses;
  }

  /** Returns the stack of a hash, by its two halves. */
  get(low: number, high: number): readonly number[] | undefined {
    const known = this.#young.get(low, high);
    if (known !== undefined) return known;
    const old = this.#old.get(low, high);
    if (old !== undefined) this.add(low, high, old);
    return old;
  }

  /** Adds a stack that is not known. */
  add(low: number, high: number, stack: readonly number[]): void {
    if (this.#young.addresses + stack.length > this.#max / 2) {
      this.#old = this.#young;
      this.#young = new Generation();
    }
    this.#young.add(low, high, stack);
  }
}
