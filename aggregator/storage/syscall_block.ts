// SPDX-License-Identifier: Apache-2.0
/**
 * Turns the system calls of batches into rows of `syscalls`.
 *
 * @module
 */

import { gather } from "./content_hash.ts";
import { type Column, lowCardinality, numberMaps, numbers, toUint64 } from "./native.ts";
import { type Part, StringDictionary } from "./part.ts";

/** Makes the block of all calls of `parts`. */
export function syscallBlock(parts: readonly Part[]): Column[] {
  const total = parts.reduce((sum, { batch }) => sum + batch.syscalls.call.length, 0);
  const dictionary = new StringDictionary();
  const period = new Uint32Array(total);
  const bucket = new Uint16Array(total);
  const series = new BigUint64Array(total);
  const texts = {
    node: new Uint32Array(total),
    call: new Uint32Array(total),
    category: new Uint32Array(total),
  };
  const amounts = {
    count: new BigUint64Array(total),
    total: new BigUint64Array(total),
    min: new BigUint64Array(total),
    max: new BigUint64Array(total),
  };
  const errors = new Entries(total);
  const histogram = new Entries(total);
  let at = 0;
  for (const { batch: { syscalls, strings, node }, hashes, ...time } of parts) {
    const rows = syscalls.call.length;
    const text = (row: number) => dictionary.of(strings[row]!);
    period.fill(time.period, at, at + rows);
    bucket.fill(time.bucket, at, at + rows);
    series.set(gather(hashes.series, syscalls.series), at);
    texts.node.fill(dictionary.of(node), at, at + rows);
    texts.call.set(syscalls.call.map(text), at);
    texts.category.set(syscalls.category.map(text), at);
    for (const name of ["count", "total", "min", "max"] as const) {
      amounts[name].set(toUint64(syscalls[name]), at);
    }
    for (let row = 0; row < rows; row++) {
      const { errorOffset, errno, errorCount, histogramOffset } = syscalls;
      const first = histogramOffset[row]!;
      for (let i = errorOffset[row]!; i < errorOffset[row + 1]!; i++) errors.add(errno[i]!, errorCount[i]!);
      errors.end();
      for (let i = first; i < histogramOffset[row + 1]!; i++) {
        histogram.add(i - first, syscalls.histogram[i]!);
      }
      histogram.end();
    }
    at += rows;
  }
  return [
    numbers("period", "DateTime('UTC')", period),
    numbers("bucket", "UInt16", bucket),
    numbers("series", "UInt64", series),
    ...Object.entries(texts).map(([name, rows]) => lowCardinality(name, dictionary.all, rows)),
    ...Object.entries(amounts).map(([name, values]) => numbers(name, "UInt64", values)),
    numberMaps("errors", "UInt16", { ...errors.columns(), keys: Uint16Array.from(errors.keys) }),
    numberMaps("histogram", "UInt8", { ...histogram.columns(), keys: Uint8Array.from(histogram.keys) }),
  ];
}

/** Builds maps of numbers, one for each row; what is 0 is left out, as sums of maps leave it out. */
class Entries {
  readonly keys: number[] = [];
  readonly #values: number[] = [];
  readonly #ends: BigUint64Array;
  #rows = 0;

  constructor(rows: number) {
    this.#ends = new BigUint64Array(rows);
  }

  add(key: number, value: number): void {
    if (value === 0) return;
    this.keys.push(key);
    this.#values.push(value);
  }

  /** Ends the row, which is whole. */
  end(): void {
    this.#ends[this.#rows++] = BigInt(this.keys.length);
  }

  columns() {
    return { ends: this.#ends, values: toUint64(this.#values) };
  }
}
