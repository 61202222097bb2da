// SPDX-License-Identifier: Apache-2.0
/**
 * Turns the holds of locks of batches into rows of `holds`.
 *
 * @module
 */

import { gather } from "./content_hash.ts";
import { histogramColumn } from "./number_maps.ts";
import { type Column, lowCardinality, numbers, toUint64 } from "./native.ts";
import { type Part, StringDictionary } from "./part.ts";

/** Makes the block of all holds of `parts`. */
export function holdBlock(parts: readonly Part[]): Column[] {
  const total = parts.reduce((sum, { batch }) => sum + batch.holds.class.length, 0);
  const dictionary = new StringDictionary();
  const period = new Uint32Array(total);
  const bucket = new Uint16Array(total);
  const texts = { node: new Uint32Array(total), class: new Uint32Array(total) };
  const hashes = { series: new BigUint64Array(total), stack: new BigUint64Array(total) };
  const amounts = {
    count: new BigUint64Array(total),
    total: new BigUint64Array(total),
    max: new BigUint64Array(total),
  };
  let at = 0;
  for (const { batch: { holds, strings, node }, hashes: of, ...time } of parts) {
    const end = at + holds.class.length;
    period.fill(time.period, at, end);
    bucket.fill(time.bucket, at, end);
    texts.node.fill(dictionary.of(node), at, end);
    texts.class.set(holds.class.map((row) => dictionary.of(strings[row]!)), at);
    hashes.series.set(gather(of.series, holds.series), at);
    hashes.stack.set(gather(of.stacks, holds.stack), at);
    for (const name of ["count", "total", "max"] as const) amounts[name].set(toUint64(holds[name]), at);
    at = end;
  }
  return [
    numbers("period", "DateTime('UTC')", period),
    numbers("bucket", "UInt16", bucket),
    ...Object.entries(texts).map(([name, rows]) => lowCardinality(name, dictionary.all, rows)),
    ...Object.entries({ ...hashes, ...amounts }).map(([name, values]) => numbers(name, "UInt64", values)),
    histogramColumn(parts.map(({ batch }) => batch.holds), total),
  ];
}
