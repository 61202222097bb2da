// SPDX-License-Identifier: Apache-2.0
/**
 * Turns samples of profiles that others made into rows of `profiles`.
 *
 * @module
 */

import { gather } from "./content_hash.ts";
import { type Column, lowCardinality, numbers, toUint64 } from "./native.ts";
import { type Part, StringDictionary } from "./part.ts";

/** Makes the block of all samples of others in `parts`. */
export function foreignBlock(parts: readonly Part[]): Column[] {
  const total = parts.reduce((sum, { batch }) => sum + (batch.foreign?.type.length ?? 0), 0);
  const dictionary = new StringDictionary();
  const texts = { type: new Uint32Array(total), node: new Uint32Array(total) };
  const period = new Uint32Array(total);
  const bucket = new Uint16Array(total);
  const amounts = {
    series: new BigUint64Array(total),
    stack: new BigUint64Array(total),
    value: new BigUint64Array(total),
    count: new BigUint64Array(total),
  };
  let at = 0;
  for (const { batch: { foreign, strings, node }, hashes, ...time } of parts) {
    if (!foreign) continue;
    const end = at + foreign.type.length;
    texts.type.set(foreign.type.map((row) => dictionary.of(strings[row]!)), at);
    texts.node.fill(dictionary.of(node), at, end);
    period.fill(time.period, at, end);
    bucket.fill(time.bucket, at, end);
    amounts.series.set(gather(hashes.series, foreign.series), at);
    amounts.stack.set(gather(hashes.stacks, foreign.stack), at);
    amounts.value.set(toUint64(foreign.value), at);
    amounts.count.set(toUint64(foreign.count), at);
    at = end;
  }
  return [
    ...Object.entries(texts).map(([name, rows]) => lowCardinality(name, dictionary.all, rows)),
    numbers("period", "DateTime('UTC')", period),
    numbers("bucket", "UInt16", bucket),
    ...Object.entries(amounts).map(([name, values]) => numbers(name, "UInt64", values)),
  ];
}
