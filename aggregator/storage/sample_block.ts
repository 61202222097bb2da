// SPDX-License-Identifier: Apache-2.0
/**
 * Turns the samples of batches into rows of `samples`.
 *
 * @module
 */

import { isIdleCategory } from "../../profile/idle.ts";
import { type Batch, KIND_NUMBER, KINDS, SYSCALL_MODULE } from "../../profile/model.ts";
import { gather } from "./content_hash.ts";
import { type Column, lowCardinality, numbers, toUint64 } from "./native.ts";
import { type Part, StringDictionary } from "./part.ts";

const KIND_TYPE = `Enum8(${KINDS.map((kind) => `'${kind}' = ${KIND_NUMBER[kind]}`).join(", ")})`;

/** Makes the block of all samples of `parts`. */
export function sampleBlock(parts: readonly Part[]): Column[] {
  const total = parts.reduce((sum, { batch }) => sum + batch.samples.kind.length, 0);
  const nodes = new StringDictionary();
  const kind = new Uint8Array(total);
  const idle = new Uint8Array(total);
  const node = new Uint32Array(total);
  const period = new Uint32Array(total);
  const bucket = new Uint16Array(total);
  const series = new BigUint64Array(total);
  const stack = new BigUint64Array(total);
  const value = new BigUint64Array(total);
  const count = new BigUint64Array(total);
  let at = 0;
  for (const { batch, hashes, ...time } of parts) {
    const { samples } = batch;
    const end = at + samples.kind.length;
    kind.set(samples.kind, at);
    idle.set(idleSamples(batch), at);
    node.fill(nodes.of(batch.node), at, end);
    period.fill(time.period, at, end);
    bucket.fill(time.bucket, at, end);
    value.set(toUint64(samples.value), at);
    count.set(toUint64(samples.count), at);
    series.set(gather(hashes.series, samples.series), at);
    stack.set(gather(hashes.stacks, samples.stack), at);
    at = end;
  }
  return [
    numbers("kind", KIND_TYPE, kind),
    numbers("idle", "Bool", idle),
    lowCardinality("node", nodes.all, node),
    numbers("period", "DateTime('UTC')", period),
    numbers("bucket", "UInt16", bucket),
    numbers("series", "UInt64", series),
    numbers("stack", "UInt64", stack),
    numbers("value", "UInt64", value),
    numbers("count", "UInt64", count),
  ];
}

/**
 * Finds which samples of system calls are of a call that waits by purpose: the call is the leaf of the stack, and its
 * category is in the batch's own table of calls.
 *
 * @returns 1 or 0 for each sample
 */
function idleSamples({ strings, samples, syscalls, stacks, frames }: Batch): Uint8Array {
  const idle = new Set(syscalls.call.filter((_, row) => isIdleCategory(strings[syscalls.category[row]!]!)));
  return samples.kind.map((kind, i) => {
    if (kind !== KIND_NUMBER.syscall) return 0;
    const stack = samples.stack[i]!;
    const leaf = stacks.offset[stack]!;
    if (leaf === stacks.offset[stack + 1]) return 0;
    const frame = stacks.frame[leaf]!;
    return strings[frames.module[frame]!] === SYSCALL_MODULE && idle.has(frames.function[frame]!) ? 1 : 0;
  });
}
