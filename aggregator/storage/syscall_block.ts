// SPDX-License-Identifier: Apache-2.0
/**
 * Turns the system calls of batches into rows of `syscalls`.
 *
 * @module
 */

import { gather } from "./content_hash.ts";
import { histogramColumn, NumberMaps } from "./number_maps.ts";
import { type Column, lowCardinality, numbers, toUint64 } from "./native.ts";
import { type Part, StringDictionary } from "./part.ts";

/** Is more than any call takes. */
const NO_MIN = 2n ** 64n - 1n;

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
    open: new BigUint64Array(total),
    oldest: new BigUint64Array(total),
  };
  const errors = new NumberMaps(total);
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
    for (const name of ["count", "total", "min", "max", "open", "oldest"] as const) {
      amounts[name].set(toUint64(syscalls[name]), at);
    }
    // Where no call ended, none was the shortest.
    for (let row = 0; row < rows; row++) if (syscalls.count[row] === 0) amounts.min[at + row] = NO_MIN;
    const { errorOffset, errno, errorCount } = syscalls;
    for (let row = 0; row < rows; row++) {
      for (let i = errorOffset[row]!; i < errorOffset[row + 1]!; i++) errors.add(errno[i]!, errorCount[i]!);
      errors.end();
    }
    at += rows;
  }
  return [
    numbers("period", "DateTime('UTC')", period),
    numbers("bucket", "UInt16", bucket),
    numbers("series", "UInt64", series),
    ...Object.entries(texts).map(([name, rows]) => lowCardinality(name, dictionary.all, rows)),
    ...Object.entries(amounts).map(([name, values]) => numbers(name, "UInt64", values)),
    errors.column("errors", "UInt16"),
    histogramColumn(parts.map(({ batch }) => batch.syscalls), total),
  ];
}
