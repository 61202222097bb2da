// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what is known by frame address.
 *
 * An address is no small integer, so that a Map makes an object of it for each question; a window asks a million.
 *
 * @module
 */

const FIRST_SLOTS = 16;
/** What was larger once is not kept. */
const MAX_KEPT = 65_536;
const TWO_32 = 2 ** 32;

/** Open addressing; a slot without a value is free. Nothing can be taken out but all. */
export class AddressMap<Value extends object> {
  #keys: Float64Array | undefined;
  #values: (Value | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(address: number): Value | undefined {
    if (this.#keys === undefined) return undefined;
    return this.#values[this.#slot(this.#keys, address)];
  }

  set(address: number, value: Value): void {
    if (this.#size * 2 >= this.#values.length) this.#grow();
    const slot = this.#slot(this.#keys!, address);
    if (this.#values[slot] === undefined) this.#size++;
    this.#keys![slot] = address;
    this.#values[slot] = value;
  }

  clear(): void {
    if (this.#size === 0) return;
    if (this.#values.length > MAX_KEPT) {
      this.#keys = undefined;
      this.#values = [];
    } else {
      this.#values.fill(undefined);
    }
    this.#size = 0;
  }

  /** Returns the slot that has the address, or the free one where it belongs. */
  #slot(keys: Float64Array, address: number): number {
    const values = this.#values;
    const mask = values.length - 1;
    let hash = Math.imul(address ^ Math.imul(address / TWO_32, 0x9e3779b1), 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      if (values[slot] === undefined || keys[slot] === address) return slot;
    }
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    const slots = Math.max(FIRST_SLOTS, 2 * values.length);
    this.#keys = new Float64Array(slots);
    this.#values = new Array<Value | undefined>(slots).fill(undefined);
    for (let from = 0; from < values.length; from++) {
      const value = values[from];
      if (value === undefined) continue;
      const slot = this.#slot(this.#keys, keys![from]!);
      this.#keys[slot] = keys![from]!;
      this.#values[slot] = value;
    }
  }
}
