// SPDX-License-Identifier: Apache-2.0
/**
 * Tells where threads waited for locks and gave them back, by the names that the kernel has for such places.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { type Entries, LOCK_PLACE } from "../libbpf/mod.ts";
import type { RawStack } from "./collector.ts";
import { decodeComm } from "./comm.ts";
import { decodeStacks } from "./cpu_decode.ts";
import { KnownStacks } from "./known_stacks.ts";
import { type AddressRange, withoutTracepoint } from "./tracepoint_frames.ts";

interface PlaceEntry {
  readonly pid: number;
  readonly program: number;
  readonly comm: string;
  readonly userStack: bigint;
  readonly kernelStack: bigint;
}

const NO_STACK: readonly number[] = [];

/**
 * The places and stacks of this window and of earlier ones: a wait begins in one window and may be counted in a later
 * one, and who waits for ever is looked up in each.
 */
export class LockPlaces {
  readonly #places: LRUCache<bigint, PlaceEntry>;
  readonly #stacks: LRUCache<bigint, readonly number[]>;
  readonly #raw = new Map<bigint, RawStack>();
  /** These are left out at the leaf end of kernel stacks. */
  tracepoint: readonly AddressRange[] = [];
  readonly #known: KnownStacks;
  #forgotten = 0;

  /**
   * @param most how many places and stacks are remembered
   * @param most.known has stacks that others know @default nobody else does
   */
  constructor(
    most: { readonly places: number; readonly stacks: number; readonly known?: KnownStacks | undefined },
  ) {
    this.#known = most.known ?? new KnownStacks();
    this.#places = new LRUCache({ max: most.places });
    this.#stacks = new LRUCache({ max: most.stacks });
  }

  /** Takes a batch of a map of stacks in. */
  addStacks(entries: Entries): void {
    decodeStacks(entries, this.#stacks, { known: this.#known });
  }

  /** Takes a batch of a map of places in. */
  addPlaces({ count, keys, values }: Entries): void {
    for (let i = 0; i < count; i++) {
      const at = i * LOCK_PLACE.size;
      this.#places.set(keys.getBigUint64(i * 8, true), {
        pid: values.getUint32(at + LOCK_PLACE.pid, true),
        program: values.getUint32(at + LOCK_PLACE.program, true),
        comm: decodeComm(values, at + LOCK_PLACE.comm),
        userStack: values.getBigUint64(at + LOCK_PLACE.user_stack, true),
        kernelStack: values.getBigUint64(at + LOCK_PLACE.kernel_stack, true),
      });
    }
  }

  /** Returns the place of that name; `undefined`, and counted, when it was too long ago. */
  find(hash: bigint): RawStack | undefined {
    const known = this.#raw.get(hash);
    if (known) return known;
    const place = this.#places.get(hash);
    if (!place) {
      this.#forgotten++;
      return undefined;
    }
    const stack = (of: bigint) => of === 0n ? NO_STACK : this.#stacks.get(of) ?? NO_STACK;
    const raw = {
      pid: place.pid,
      program: place.program,
      comm: place.comm,
      user: stack(place.userStack),
      kernel: withoutTracepoint(stack(place.kernelStack), this.tracepoint),
    };
    this.#raw.set(hash, raw);
    return raw;
  }

  /** Returns how many times a place was asked for in vain in the drain, which is over. */
  endDrain(): number {
    const forgotten = this.#forgotten;
    this.#forgotten = 0;
    this.#raw.clear();
    return forgotten;
  }
}
