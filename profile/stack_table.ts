// SPDX-License-Identifier: Apache-2.0
/**
 * Holds stacks, each of which is there once, in two columns: nothing is made for a stack but its own numbers.
 *
 * @module
 */

import type { Profile } from "./model.ts";

const FIRST_STACKS = 256;
const FIRST_FRAMES = 4096;

/** Numbers stacks in the order in which they come. */
export class StackTable {
  #frames = new Uint32Array(FIRST_FRAMES);
  /** Stack `i` has the frames from `offsets[i]` up to, not including, `offsets[i + 1]`. */
  #offsets = new Uint32Array(FIRST_STACKS + 1);
  #count = 0;
  /** Open addressing; a slot holds a stack's number + 1, 0 is free. */
  #slots = new Uint32Array(4 * FIRST_STACKS);
  #hashes = new Int32Array(FIRST_STACKS);

  /** Returns the number of the stack whose frames are these. */
  row(frames: readonly number[]): number {
    const hash = hashOf(frames);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const known = this.#slots[slot]!;
      if (known === 0) return this.#add(frames, { hash, slot });
      if (this.#hashes[known - 1] === hash && this.#isEqual(known - 1, frames)) return known - 1;
    }
  }

  /** Returns a copy of the columns. */
  build(): Profile["stacks"] {
    const end = this.#offsets[this.#count]!;
    return { offset: this.#offsets.slice(0, this.#count + 1), frame: this.#frames.slice(0, end) };
  }

  #add(frames: readonly number[], { hash, slot }: { hash: number; slot: number }): number {
    const row = this.#count++;
    if (row === this.#hashes.length) this.#growStacks();
    const from = this.#offsets[row]!;
    while (from + frames.length > this.#frames.length) this.#frames = larger(this.#frames);
    for (let i = 0; i < frames.length; i++) this.#frames[from + i] = frames[i]!;
    this.#offsets[row + 1] = from + frames.length;
    this.#hashes[row] = hash;
    this.#slots[slot] = row + 1;
    if (this.#count * 2 > this.#slots.length) this.#growSlots();
    return row;
  }

  #growStacks(): void {
    this.#offsets = larger(this.#offsets);
    const hashes = new Int32Array(this.#hashes.length * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }

  #growSlots(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.#count; row++) {
      let slot = this.#hashes[row]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
    this.#slots = slots;
  }

  #isEqual(row: number, frames: readonly number[]): boolean {
    const from = this.#offsets[row]!;
    if (this.#offsets[row + 1]! - from !== frames.length) return false;
    for (let i = 0; i < frames.length; i++) if (this.#frames[from + i] !== frames[i]) return false;
    return true;
  }
}

function hashOf(frames: readonly number[]): number {
  let hash = frames.length;
  for (let i = 0; i < frames.length; i++) {
    hash = Math.imul(hash ^ frames[i]!, 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  return hash;
}

function larger(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(array.length * 2);
  more.set(array);
  return more;
}
