/**
 * The waits for locks of batches → rows of `locks`.
 *
 * @module
 */

import { OUTCOME_NUMBER, OUTCOMES } from "../../profile/model.ts";
import { type Column, dictionary, numbers, toUint64 } from "./native.ts";
import type { Part } from "./rows.ts";
import { gather } from "./content_hash.ts";

const OUTCOME_TYPE = `Enum8(${OUTCOMES.map((name) => `'${name}' = ${OUTCOME_NUMBER[name]}`).join(", ")})`;

/** The block of all waits of `parts`. */
export function lockBlock(parts: readonly Part[]): Column[] {
  const total = parts.reduce((sum, { batch }) => sum + batch.locks.outcome.length, 0);
  const words = new Words();
  const outcome = new Uint8Array(total);
  const bucket = new Uint32Array(total);
  const texts = { node: new Uint32Array(total), class: new Uint32Array(total), type: new Uint32Array(total) };
  const hashes = {
    series: new BigUint64Array(total),
    stack: new BigUint64Array(total),
    holder_series: new BigUint64Array(total),
    holder_stack: new BigUint64Array(total),
  };
  const amounts = {
    count: new BigUint64Array(total),
    delay: new BigUint64Array(total),
    max: new BigUint64Array(total),
  };
  let at = 0;
  for (const { batch: { locks, strings, node }, hashes: of, bucket: start } of parts) {
    const end = at + locks.outcome.length;
    const text = (row: number) => words.of(strings[row]!);
    outcome.set(locks.outcome, at);
    bucket.fill(start, at, end);
    texts.node.fill(words.of(node), at, end);
    texts.class.set(locks.class.map(text), at);
    texts.type.set(locks.type.map(text), at);
    hashes.series.set(gather(of.series, locks.series), at);
    hashes.stack.set(gather(of.stacks, locks.stack), at);
    hashes.holder_series.set(gather(withNobody(of.series), locks.holderSeries), at);
    hashes.holder_stack.set(gather(withNobody(of.stacks), locks.holderStack), at);
    for (const name of ["count", "delay", "max"] as const) amounts[name].set(toUint64(locks[name]), at);
    at = end;
  }
  return [
    numbers("bucket", "DateTime('UTC')", bucket),
    numbers("outcome", OUTCOME_TYPE, outcome),
    ...Object.entries(texts).map(([name, rows]) => dictionary(name, words.all, rows)),
    ...Object.entries({ ...hashes, ...amounts }).map(([name, values]) => numbers(name, "UInt64", values)),
  ];
}

/** `hashes` with 0 before them, as holders are one more than their row. */
function withNobody(hashes: BigUint64Array): BigUint64Array {
  const shifted = new BigUint64Array(hashes.length + 1);
  shifted.set(hashes, 1);
  return shifted;
}

/** Few texts that many rows have, numbered. */
export class Words {
  readonly all: string[] = [];
  readonly #number = new Map<string, number>();

  of(text: string): number {
    let number = this.#number.get(text);
    if (number === undefined) this.#number.set(text, number = this.all.push(text) - 1);
    return number;
  }
}
