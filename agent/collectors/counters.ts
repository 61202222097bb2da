// SPDX-License-Identifier: Apache-2.0
/**
 * Counters that programs keep in a per-CPU array, one for each name of an enum.
 *
 * @module
 */

import type { BpfMap } from "../libbpf/mod.ts";

/** Tells what was counted since it was last asked; the kernel's counters only ever grow. */
export class Counters {
  readonly #map: BpfMap;
  readonly #names: readonly string[];
  readonly #before: number[];

  constructor(map: BpfMap, names: readonly string[]) {
    this.#map = map;
    this.#names = names;
    this.#before = names.map(() => 0);
  }

  /** Returns the counts by name, those that are not 0. */
  drain(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [index, name] of this.#names.entries()) {
      const total = this.#map.sum(index);
      const since = total - this.#before[index]!;
      this.#before[index] = total;
      if (since > 0) counts.set(name, since);
    }
    return counts;
  }
}
