// SPDX-License-Identifier: Apache-2.0
/**
 * The maps of an object that counts in windows (`bpf/window.h`).
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { delay } from "@std/async/delay";
import { Burst } from "../../common/log.ts";
import {
  BpfError,
  type BpfMap,
  type BpfObject,
  type Entries,
  FILLED,
  LOSSES,
  type MappedMemory,
  monotonicNs,
  WINDOW,
} from "../libbpf/mod.ts";
import { Counters } from "./counters.ts";

/** A set was counted into this window, on the clock of the programs. */
export interface SetWindow {
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** The names of maps in `enum aperture_filled`; calls are what is counted of system calls. */
const FILLED_INDEX: ReadonlyMap<string, number> = new Map<string, number>([
  ...FILLED.map((name, index) => [name, index] as const),
  ["calls", FILLED.indexOf("counts")],
]);
/** A program takes microseconds, but may lose its CPU meanwhile. */
const LOOK_MS = 1;
/** What adds later to a set that was emptied is in the next drain of it: to wait for ever would lose all. */
const PATIENCE_MS = 10_000;
/** 32-bit words of an entry of the map `filled`. */
const FILLED_WORDS = 2;

/** A map of a set that nobody counts into. */
export interface FilledMap {
  readonly name: string;
  /** Takes all entries out; see `BpfMap.drain()`. */
  drain(take: (entries: Entries) => void): void;
}

/** The loss of entries that were taken out of a map, and could not be read: of each batch that has such, all of it. */
export const READING_LOSS = "reading_failed";

/** Tells what was taken out of a set. */
export interface Taken {
  /**
   * A map could not be read to its end for this reason. What was read of it is here, and what is left in it is added to
   * by the kernel and told by a later drain; what was taken out of it and could not be read is a loss.
   */
  readonly failure?: Error;
}

/** Two sets of maps by name: into one the kernel counts, the other is the agent's. */
export class MapSets<Name extends string> implements Disposable {
  readonly #object: BpfObject;
  readonly #sets: readonly Readonly<Record<Name, BpfMap>>[];
  /** The kernel writes here how many entries there are. */
  readonly #filledMemory: MappedMemory;
  readonly #filled: Uint32Array<ArrayBuffer>;
  /** Tells by name where a map's count is in a set's part of `#filled`, and how many entries it holds. */
  readonly #limits: readonly { readonly name: Name; readonly word: number; readonly entries: number }[];
  #active = 0;
  #disposed = false;
  /** Settles with the last drain so far. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #losses: Counters;
  /** Entries that were taken out and could not be read, since losses were asked for. */
  #unread = 0;
  readonly #patienceMs: number;
  readonly #burst = new Burst(getLogger(["aperture", "agent"]));
  #startNs = monotonicNs();
  /** The active set is counted into since then. */
  #setNs = this.#startNs;

  /**
   * @param names of maps that the object, which is loaded, has as `NAME_a` and `NAME_b`
   * @param options a drain waits so long for programs, in ms
   */
  constructor(object: BpfObject, names: readonly Name[], { patienceMs = PATIENCE_MS } = {}) {
    this.#object = object;
    this.#patienceMs = patienceMs;
    this.#losses = new Counters(object.map("losses"), LOSSES);
    this.#sets = ["a", "b"].map((set) => {
      return Object.fromEntries(names.map((name) => [name, object.map(`${name}_${set}`)])) as Record<
        Name,
        BpfMap
      >;
    });
    this.#limits = names.map((name) => ({
      name,
      word: FILLED_INDEX.get(name)! * FILLED_WORDS,
      entries: object.map(`${name}_a`).maxEntries,
    }));
    this.#filledMemory = object.map("filled").mapMemory();
    this.#filled = this.#filledMemory.words();
    this.#begin({ looks: false });
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#filledMemory[Symbol.dispose]();
  }

  /** Returns how full the fullest map is that is counted into, from 0 to 1. Costs no call into the kernel. */
  get fill(): number {
    if (this.#disposed) return 0;
    const set = this.#active * FILLED.length * FILLED_WORDS;
    return this.#limits.reduce(
      (most, { word, entries }) => Math.max(most, this.#filled[set + word]! / entries),
      0,
    );
  }

  /**
   * Makes the other set the active one, and has `empty` empty the one that was when nobody counts into it any more.
   * One after another: a set is not counted into before it is empty. What is open then, `empty` sees as it is, or as
   * what the programs keep of it until `empty` returns; where it is drained `early` the window goes on, and what is
   * open with it. What was read is given also where the kernel could not give all of a map.
   *
   * @throws {Error} when the object is closed meanwhile
   */
  drain<Drained extends object>(
    empty: (set: Readonly<Record<Name, FilledMap>>, window: SetWindow) => Drained,
    { early = false }: { early?: boolean | undefined } = {},
  ): Promise<Drained & Taken> {
    const drained = this.#turn.then(() => this.#swap({ early })).then(({ set, window }) => {
      if (this.#disposed) throw new Error("Cannot drain: the collector is closed");
      const failures: Error[] = [];
      const result = empty(this.#filledMaps(set, failures), window);
      this.#begin({ looks: false });
      return failures.length > 0 ? { ...result, failure: failures[0] } : result;
    });
    // What was drained is not kept until the next drain.
    this.#turn = drained.then(() => {}, () => {});
    return drained;
  }

  /**
   * Returns the maps of a set, of which those that are empty are not asked for their entries.
   *
   * @param failures gets why maps could not be read to their end: they count as being as full as before
   */
  #filledMaps(set: number, failures: Error[]): Readonly<Record<Name, FilledMap>> {
    const from = set * FILLED.length * FILLED_WORDS;
    const entries = this.#limits.map(({ name, word }) => {
      const map = this.#sets[set]![name];
      const drain = (take: (entries: Entries) => void) => {
        if (this.#filled[from + word]! === 0) return;
        try {
          map.drain((entries) => {
            try {
              take(entries);
            } catch (error) {
              this.#unread += entries.count;
              failures.push(error as Error);
            }
          });
          this.#filled[from + word] = 0;
        } catch (error) {
          if (!(error instanceof BpfError)) throw error;
          failures.push(error);
        }
      };
      return [name, { name: map.name, drain }] as const;
    });
    return Object.fromEntries(entries) as Record<Name, FilledMap>;
  }

  async #swap({ early }: { early: boolean }): Promise<{ set: number; window: SetWindow }> {
    const set = this.#active;
    const active = this.#object.map("active");
    this.#active = 1 - set;
    const window = { startNs: this.#startNs, endNs: monotonicNs() };
    this.#setNs = window.endNs;
    if (!early) this.#startNs = window.endNs;
    this.#begin({ looks: !early });
    active.update(Uint32Array.of(0), Uint32Array.of(this.#active));
    await this.#untilCounted();
    return { set, window };
  }

  /** Waits until all programs that have begun by now have counted: each CPU was seen without one. */
  async #untilCounted(): Promise<void> {
    let seen: readonly boolean[] = [];
    const until = performance.now() + this.#patienceMs;
    do {
      // First, too: what a program has added may be seen by others a little later than it reads which set is active.
      await delay(LOOK_MS);
      if (this.#disposed) return;
      seen = this.#object.map("counting").ofCpus(0).map((programs, cpu) => seen[cpu] || programs === 0);
    } while (seen.includes(false) && performance.now() < until);
    if (!seen.includes(false)) return;
    this.#burst.warn(
      "counting",
      `A program that counts had no turn for ${
        this.#patienceMs / 1000
      } s: what it adds may be in the next window`,
    );
  }

  /** Tells the programs when the window and the active set began, and whether what was open then is still to be seen. */
  #begin({ looks }: { looks: boolean }): void {
    const value = new DataView(new ArrayBuffer(WINDOW.size));
    value.setBigUint64(WINDOW.start_ns, this.#startNs, true);
    value.setBigUint64(WINDOW.set_ns, this.#setNs, true);
    value.setUint32(WINDOW.looks, Number(looks), true);
    this.#object.map("windows").update(Uint32Array.of(this.#active), value);
  }

  /** Returns what was lost since the last call, by reason. */
  losses(): Map<string, number> {
    const losses = this.#losses.drain();
    if (this.#unread > 0) losses.set(READING_LOSS, this.#unread);
    this.#unread = 0;
    return losses;
  }

  /** Returns what all maps use of the kernel's memory, in bytes; `others` are those that are in no set. */
  memoryBytes(others: readonly string[]): number {
    const single = ["active", "counting", "filled", "losses", "windows", ...others].map((name) =>
      this.#object.map(name)
    );
    const maps: BpfMap[] = [...single, ...this.#sets.flatMap((set) => Object.values<BpfMap>(set))];
    return maps.reduce((sum, map) => sum + map.memoryBytes(), 0);
  }
}
