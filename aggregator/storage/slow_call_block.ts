// SPDX-License-Identifier: Apache-2.0
/**
 * Turns the slow calls of batches into rows of `slow_calls`.
 *
 * @module
 */

import { gather } from "./content_hash.ts";
import { type Column, lowCardinality, numbers, strings as texts, toUint64 } from "./native.ts";
import { type Part, StringDictionary } from "./part.ts";

/** Makes the block of all slow calls of `parts`. */
export function slowCallBlock(parts: readonly Part[]): Column[] {
  const total = parts.reduce((sum, { batch }) => sum + batch.slowCalls.call.length, 0);
  const dictionary = new StringDictionary();
  const period = new Uint32Array(total);
  const bucket = new Uint16Array(total);
  const series = new BigUint64Array(total);
  const few = {
    node: new Uint32Array(total),
    call: new Uint32Array(total),
    category: new Uint32Array(total),
  };
  const objects: string[] = [];
  const amounts = {
    count: new BigUint64Array(total),
    total: new BigUint64Array(total),
    on_cpu: new BigUint64Array(total),
    in_lock: new BigUint64Array(total),
    max: new BigUint64Array(total),
  };
  let at = 0;
  for (const { batch: { slowCalls, strings, node }, hashes, ...time } of parts) {
    const end = at + slowCalls.call.length;
    const text = (row: number) => dictionary.of(strings[row]!);
    period.fill(time.period, at, end);
    bucket.fill(time.bucket, at, end);
    series.set(gather(hashes.series, slowCalls.series), at);
    few.node.fill(dictionary.of(node), at, end);
    few.call.set(slowCalls.call.map(text), at);
    few.category.set(slowCalls.category.map(text), at);
    for (const row of slowCalls.object) objects.push(strings[row]!);
    for (const name of ["count", "total", "max"] as const) amounts[name].set(toUint64(slowCalls[name]), at);
    amounts.on_cpu.set(toUint64(slowCalls.onCpu), at);
    amounts.in_lock.set(toUint64(slowCalls.inLock), at);
    at = end;
  }
  return [
    numbers("period", "DateTime('UTC')", period),
    numbers("bucket", "UInt16", bucket),
    numbers("series", "UInt64", series),
    ...Object.entries(few).map(([name, rows]) => lowCardinality(name, dictionary.all, rows)),
    texts("object", objects),
    ...Object.entries(amounts).map(([name, values]) => numbers(name, "UInt64", values)),
  ];
}
