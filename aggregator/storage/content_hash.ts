/**
 * Names stacks, frames and series by the hash of their content, so that any aggregator gives the same thing
 * the same name without asking.
 *
 * XXH64 is fast and no defence against somebody who seeks collisions; who may push is trusted that far. With
 * ten million stacks the chance that any two collide is one in 370,000.
 *
 * @module
 */

import { type Profile, stackCount } from "../../profile/model.ts";
import xxhash from "xxhash-wasm";

const { h64, h64Raw } = await xxhash();

// What is hashed differs in kind, so that equal bytes of different kinds get different names.
const FRAME_SEED = 1n;
const STACK_SEED = 2n;
const SERIES_SEED = 3n;

/** The hashes of a profile's tables, row by row. */
export interface ContentHashes {
  readonly frames: BigUint64Array;
  readonly stacks: BigUint64Array;
  readonly series: BigUint64Array;
}

/** Hashes every row of `profile`, whose series are of `node`. Strings are hashed once, rows by their hashes. */
export function hashContent(profile: Profile, node: string): ContentHashes {
  const strings = BigUint64Array.from(profile.strings, (text) => h64(text));
  const frames = hashFrames(profile, strings);
  return { frames, stacks: hashStacks(profile, frames), series: hashSeries(profile, strings, h64(node)) };
}

/** `hashes[row]` for each of `rows`. Halves are copied: a bigint for each hash takes ten times as long. */
export function gather(hashes: BigUint64Array, rows: Uint32Array): BigUint64Array {
  const from = new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length * 2);
  const to = new Uint32Array(rows.length * 2);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    to[2 * i] = from[2 * row]!;
    to[2 * i + 1] = from[2 * row + 1]!;
  }
  return new BigUint64Array(to.buffer);
}

function hashFrames({ frames }: Profile, strings: BigUint64Array): BigUint64Array {
  const row = new BigUint64Array(6);
  const bytes = new Uint8Array(row.buffer);
  return BigUint64Array.from(frames.line, (line, i) => {
    row[0] = strings[frames.function[i]!]!;
    row[1] = strings[frames.module[i]!]!;
    row[2] = strings[frames.file[i]!]!;
    row[3] = strings[frames.buildId[i]!]!;
    row[4] = BigInt(line);
    row[5] = BigInt(frames.address[i]!);
    return h64Raw(bytes, FRAME_SEED);
  });
}

function hashStacks(profile: Profile, frames: BigUint64Array): BigUint64Array {
  const { offset, frame } = profile.stacks;
  const bytes = new Uint8Array(gather(frames, frame).buffer);
  const hashes = new BigUint64Array(stackCount(profile));
  for (let i = 0; i < hashes.length; i++) {
    hashes[i] = h64Raw(bytes.subarray(offset[i]! * 8, offset[i + 1]! * 8), STACK_SEED);
  }
  return hashes;
}

function hashSeries({ series }: Profile, strings: BigUint64Array, node: bigint): BigUint64Array {
  const row = new BigUint64Array(9);
  const bytes = new Uint8Array(row.buffer);
  row[0] = node;
  return BigUint64Array.from(series.pid, (pid, i) => {
    row[1] = strings[series.namespace[i]!]!;
    row[2] = strings[series.pod[i]!]!;
    row[3] = strings[series.container[i]!]!;
    row[4] = strings[series.service[i]!]!;
    row[5] = strings[series.exe[i]!]!;
    row[6] = strings[series.comm[i]!]!;
    row[7] = BigInt(pid);
    row[8] = strings[series.labels[i]!]!;
    // Series without such labels have the hash that they had before there were any.
    return h64Raw(series.labels[i] === 0 ? bytes.subarray(0, 64) : bytes, SERIES_SEED);
  });
}
