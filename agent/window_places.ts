// SPDX-License-Identifier: Apache-2.0
/**
 * The stacks of one window, each of which is there once, however many drains and rows have it.
 *
 * On a busy machine maps are emptied many times a window, and each time the same stacks come out of them anew: tens of
 * thousands, of some tens of addresses each. Equal ones become one object, which is kept, and named, once.
 *
 * @module
 */

import { EARLIER_HOLDERS, type ProgramOf, type RawStack } from "./collectors/collector.ts";
import { isInFile } from "./elf/file_address.ts";

/** Addresses with a number that no others of the window have. */
interface Known {
  readonly addresses: readonly number[];
  readonly id: number;
}

/** Makes equal stacks one object. */
export class WindowPlaces {
  readonly #stacks = new Map<number, Known[]>();
  readonly #places = new Map<string, RawStack>();
  #stackCount = 0;

  /** Returns how many different places there were. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * Returns the place that is equal to this one; itself where it has Python's frames, whose objects may have changed.
   *
   * @param represent returns the process that stands for this one, where its code means the same in both:
   * that is so of code in files alone
   */
  of(place: RawStack, represent: (process: ProgramOf) => ProgramOf): RawStack {
    if (place === EARLIER_HOLDERS || place.python !== undefined) return place;
    const { comm } = place;
    const [user, kernel] = [this.#stack(place.user), this.#stack(place.kernel)];
    const { pid, program } = place.user.every(isInFile) ? represent(place) : place;
    const key = `${pid} ${program} ${user.id} ${kernel.id} ${comm}`;
    let known = this.#places.get(key);
    if (known === undefined) {
      known = { pid, program, comm, user: user.addresses, kernel: kernel.addresses };
      this.#places.set(key, known);
    }
    return known;
  }

  #stack(addresses: readonly number[]): Known {
    const hash = hashOf(addresses);
    let alike = this.#stacks.get(hash);
    if (alike === undefined) this.#stacks.set(hash, alike = []);
    let known = alike.find((one) => isEqual(one.addresses, addresses));
    if (known === undefined) alike.push(known = { addresses, id: this.#stackCount++ });
    return known;
  }
}

const TWO_32 = 2 ** 32;

function hashOf(addresses: readonly number[]): number {
  let hash = addresses.length;
  for (let i = 0; i < addresses.length; i++) {
    const address = addresses[i]!;
    hash = Math.imul(hash ^ (address / TWO_32), 0x9e3779b1);
    hash = Math.imul(hash ^ address ^ hash >>> 15, 0x85ebca6b);
  }
  return hash;
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
