// SPDX-License-Identifier: Apache-2.0
/**
 * Turns the waits for locks of batches into rows of `locks`.
 *
 * @module
 */

import { OUTCOME_NUMBER, OUTCOMES } from "../../profile/model.ts";
import { type Column, lowCardinality, numbers, toUint64 } from "./native.ts";
import { gather } from "./content_hash.ts";
import { histogramColumn } from "./number_maps.ts";
import { type Part, StringDictionary } from "./part.ts";

const OUTCOME_TYPE = `Enum8(${OUTCOMES.map((name) => `'${name}' = ${OUTCOME_NUMBER[name]}`).join(", ")})`;

/** Makes the block of all waits of `parts`. */
export function lockBlock(parts: readonly Part[]): Column[] {
  const total = parts.reduce((sum, { batch }) => sum + batch.locks.outcome.length, 0);
  const dictionary = new StringDictionary();
  const outcome = new Uint8Array(total);
  const period = new Uint32Array(total);
  const bucket = new Uint16Array(total);
  const texts = {
    node: new Uint32Array(total),
    class: new Uint32Array(total),
    type: new Uint32Array(total),
    address: new Uint32Array(total),
  };
  const hashes = {
    series: new BigUint64Array(total),
    stack: new BigUint64Array(total),
    holder_series: new BigUint64Array(total),
    holder_stack: new BigUint64Array(total),
  };
  const amounts = {
    count: new BigUint64Array(total),
    open: new BigUint64Array(total),
    delay: new BigUint64Array(total),
    max: new BigUint64Array(total),
  };
  let at = 0;
  for (const { batch: { locks, strings, node }, hashes: of, ...time } of parts) {
    const end = at + locks.outcome.length;
    const text = (row: number) => dictionary.of(strings[row]!);
    outcome.set(locks.outcome, at);
    period.fill(time.period, at, end);
    bucket.fill(time.bucket, at, end);
    texts.node.fill(dictionary.of(node), at, end);
    for (const name of ["class", "type", "address"] as const) texts[name].set(locks[name].map(text), at);
    hashes.series.set(gather(of.series, locks.series), at);
    hashes.stack.set(gather(of.stacks, locks.stack), at);
    hashes.holder_series.set(gather(withNobody(of.series), locks.holderSeries), at);
    hashes.holder_stack.set(gather(withNobody(of.stacks), locks.holderStack), at);
    // What is open is a state, which has no sum over time.
    const isOpen = locks.outcome.map((number) => number === OUTCOME_NUMBER.open ? 1 : 0);
    amounts.count.set(toUint64(locks.count.map((count, row) => isOpen[row] ? 0 : count)), at);
    amounts.open.set(toUint64(locks.count.map((count, row) => isOpen[row] ? count : 0)), at);
    for (const name of ["delay", "max"] as const) amounts[name].set(toUint64(locks[name]), at);
    at = end;
  }
  return [
    numbers("period", "DateTime('UTC')", period),
    numbers("bucket", "UInt16", bucket),
    numbers("outcome", OUTCOME_TYPE, outcome),
    ...Object.entries(texts).map(([name, rows]) => lowCardinality(name, dictionary.all, rows)),
    ...Object.entries({ ...hashes, ...amounts }).map(([name, values]) => numbers(name, "UInt64", values)),
    histogramColumn(parts.map(({ batch }) => batch.locks), total),
  ];
}

/** Returns `hashes` with 0 before them, as holders are one more than their row. */
function withNobody(hashes: BigUint64Array): BigUint64Array {
  const shifted = new BigUint64Array(hashes.length + 1);
  shifted.set(hashes, 1);
  return shifted;
}
