/**
 * The maps of an object that counts in windows (`bpf/window.h`).
 *
 * @module
 */

import { type BpfMap, type BpfObject, LOSSES, monotonicNs, WINDOW } from "../libbpf/mod.ts";
import { Counters } from "./counters.ts";

/** What a set was counted into, on the clock of the programs. */
export interface SetWindow {
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** Two sets of maps by name: into one the kernel counts, the other is the agent's. */
export class MapSets<Name extends string> {
  readonly #object: BpfObject;
  readonly #sets: readonly Readonly<Record<Name, BpfMap>>[];
  #active = 0;
  /** Settles with the last drain so far. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #losses: Counters;
  #startNs = monotonicNs();

  /** @param names of maps that the object has as `NAME_a` and `NAME_b` */
  constructor(object: BpfObject, names: readonly Name[]) {
    this.#object = object;
    this.#losses = new Counters(object.map("losses"), LOSSES);
    this.#sets = ["a", "b"].map((set) => {
      return Object.fromEntries(names.map((name) => [name, object.map(`${name}_${set}`)])) as Record<
        Name,
        BpfMap
      >;
    });
    this.#begin({ looks: false });
  }

  /**
   * Makes the other set the active one, and has `empty` empty the one that was when nobody counts into it any more.
   * One after another: a set is not counted into before it is empty. What is open then, `empty` sees as it is, or as
   * what the programs keep of it until `empty` returns.
   *
   * @throws {Error} when the object is closed meanwhile
   */
  drain<Drained>(
    empty: (set: Readonly<Record<Name, BpfMap>>, window: SetWindow) => Drained,
  ): Promise<Drained> {
    const drained = this.#turn.then(() => this.#swap()).then(({ set, window }) => {
      const drained = empty(set, window);
      this.#begin({ looks: false });
      return drained;
    });
    this.#turn = drained.catch(() => {});
    return drained;
  }

  async #swap(): Promise<{ set: Readonly<Record<Name, BpfMap>>; window: SetWindow }> {
    const set = this.#sets[this.#active]!;
    const active = this.#object.map("active");
    this.#active = 1 - this.#active;
    const window = { startNs: this.#startNs, endNs: monotonicNs() };
    this.#startNs = window.endNs;
    this.#begin({ looks: true });
    active.update(Uint32Array.of(0), Uint32Array.of(this.#active));
    await this.#object.map("barrier").setInner(0, active);
    return { set, window };
  }

  /** Tells the programs when the window of the active set began, and whether what was open then is still to be seen. */
  #begin({ looks }: { looks: boolean }): void {
    const value = new DataView(new ArrayBuffer(WINDOW.size));
    value.setBigUint64(WINDOW.start_ns, this.#startNs, true);
    value.setUint32(WINDOW.looks, Number(looks), true);
    this.#object.map("windows").update(Uint32Array.of(this.#active), value);
  }

  /** Returns what was lost since the last call, by reason. */
  losses(): Map<string, number> {
    return this.#losses.drain();
  }

  /** Returns what all maps use of the kernel's memory, in bytes; `others` are those that are in no set. */
  memoryBytes(others: readonly string[]): number {
    const single = ["active", "barrier", "losses", "windows", ...others].map((name) =>
      this.#object.map(name)
    );
    const maps: BpfMap[] = [...single, ...this.#sets.flatMap((set) => Object.values<BpfMap>(set))];
    return maps.reduce((sum, map) => sum + map.memoryBytes(), 0);
  }
}
