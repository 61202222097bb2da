// SPDX-License-Identifier: Apache-2.0
/**
 * Builds columns of maps of numbers, such as histograms.
 *
 * @module
 */

import { type Column, numberMaps, toUint64 } from "./native.ts";

/** Builds maps of numbers, one for each row; what is 0 is left out, as sums of maps leave it out. */
export class NumberMaps {
  readonly #keys: number[] = [];
  readonly #values: number[] = [];
  readonly #ends: BigUint64Array;
  #rows = 0;

  constructor(rows: number) {
    this.#ends = new BigUint64Array(rows);
  }

  add(key: number, value: number): void {
    if (value === 0) return;
    this.#keys.push(key);
    this.#values.push(value);
  }

  /** Ends the row, which is whole. */
  end(): void {
    this.#ends[this.#rows++] = BigInt(this.#keys.length);
  }

  column(name: string, keyType: "UInt8" | "UInt16"): Column {
    const keys = keyType === "UInt8" ? Uint8Array.from(this.#keys) : Uint16Array.from(this.#keys);
    return numberMaps(name, keyType, { ends: this.#ends, keys, values: toUint64(this.#values) });
  }
}

/** Makes the column `histogram` of the rows of `tables`, which are `total` together. */
export function histogramColumn(
  tables: readonly { readonly histogramOffset: Uint32Array; readonly histogram: Float64Array }[],
  total: number,
): Column {
  const maps = new NumberMaps(total);
  for (const { histogramOffset, histogram } of tables) {
    for (let row = 0; row + 1 < histogramOffset.length; row++) {
      const first = histogramOffset[row]!;
      for (let i = first; i < histogramOffset[row + 1]!; i++) maps.add(i - first, histogram[i]!);
      maps.end();
    }
  }
  return maps.column("histogram", "UInt8");
}
