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
import { TupleTable } from "../common/tuple_table.ts";
import { isInFile } from "./elf/file_address.ts";

/** Addresses with a number that no others of the window have. */
interface Known {
  readonly addresses: readonly number[];
  readonly id: number;
  /** All of them are in files. */
  readonly inFiles: boolean;
}

/** Makes equal stacks one object. */
export class WindowPlaces {
  readonly #stacks = new Map<number, Known[]>();
  /** Those of this drain, in which many rows have the same object. */
  readonly #ofDrain = new Map<readonly number[], Known>();
  readonly #comms = new Map<string, number>();
  /** Process, program and the number of the thread's name. */
  readonly #threads = new TupleTable();
  /** The number of the thread, and the ids of both stacks. */
  readonly #keys = new TupleTable();
  readonly #places: RawStack[] = [];
  #stackCount = 0;

  /** Returns how many different places there were. */
  get size(): number {
    return this.#places.length;
  }

  /** Call after the rows of a drain: what comes then are other objects. */
  endDrain(): void {
    this.#ofDrain.clear();
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
    const user = this.#stack(place.user);
    const kernel = this.#stack(place.kernel);
    const { pid, program } = user.inFiles ? represent(place) : place;
    const name = this.#comms.getOrInsertComputed(comm, () => this.#comms.size);
    const thread = this.#threads.number(pid, program ?? 0, name, 0);
    const number = this.#keys.number(thread, user.id, kernel.id, 0);
    return this.#places[number] ??= { pid, program, comm, user: user.addresses, kernel: kernel.addresses };
  }

  #stack(addresses: readonly number[]): Known {
    let known = this.#ofDrain.get(addresses);
    if (known === undefined) this.#ofDrain.set(addresses, known = this.#find(addresses));
    return known;
  }

  #find(addresses: readonly number[]): Known {
    const hash = hashOf(addresses);
    let alike = this.#stacks.get(hash);
    if (alike === undefined) this.#stacks.set(hash, alike = []);
    let known = alike.find((one) => isEqual(one.addresses, addresses));
    if (known === undefined) {
      alike.push(known = { addresses, id: this.#stackCount++, inFiles: addresses.every(isInFile) });
    }
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
