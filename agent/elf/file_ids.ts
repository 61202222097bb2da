// SPDX-License-Identifier: Apache-2.0
/**
 * The numbers by which the kernel and frame addresses name files. There are 2¹⁷ - 1, and machines that build software
 * have new files all the time: a number is given to another file once nothing refers to it.
 *
 * @module
 */

/** The largest number: APERTURE_FRAME_FILES of `bpf/aperture.h`, less one. */
export const MAX_FILE_ID = 2 ** 17 - 1;
/**
 * Ends of windows that a number waits for once it is given up. Stacks of the window that is counted when that happens
 * may still have it; they are drained and named before that window ends, and later stacks cannot have it.
 */
const WAIT_WINDOWS = 2;

/** Gives out numbers and takes them back. */
export class FileIds<T> {
  readonly #max: number;
  readonly #owners = new Map<number, T>();
  /** Maps a retired number to the ends of windows since then. */
  readonly #retired = new Map<number, number>();
  /** They are to be given again, the one that is free for longest first. */
  readonly #free = new Set<number>();
  #next = 1;

  /** @param max the largest number @default {MAX_FILE_ID} */
  constructor(max = MAX_FILE_ID) {
    this.#max = max;
  }

  /** This many numbers are given up and not yet free. */
  get retired(): number {
    return this.#retired.size;
  }

  /** Returns a number for `owner`; 0 when none is free. */
  take(owner: T): number {
    // Those that were never used go first, so that it takes as long as possible until one comes again.
    const [freed] = this.#free;
    const id = this.#next <= this.#max ? this.#next++ : freed ?? 0;
    if (id === 0) return 0;
    this.#free.delete(id);
    this.#owners.set(id, owner);
    return id;
  }

  /** Returns the owner of a number, also of one that was retired and is not free yet. */
  get(id: number): T | undefined {
    return this.#owners.get(id);
  }

  /** Gives up a number: it is free after some more ends of windows. */
  retire(id: number): void {
    if (this.#owners.has(id)) this.#retired.set(id, 0);
  }

  /** Call when the stacks of a window are named. A number in `held` stays, as something refers to it still. */
  endWindow(held: ReadonlySet<number>): void {
    for (const [id, windows] of this.#retired) {
      if (held.has(id)) continue;
      this.#retired.set(id, windows + 1);
      if (windows + 1 < WAIT_WINDOWS) continue;
      this.#retired.delete(id);
      this.#owners.delete(id);
      this.#free.add(id);
    }
  }
}
