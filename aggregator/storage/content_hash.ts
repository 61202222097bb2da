// SPDX-License-Identifier: Apache-2.0
/**
 * Names locations, functions, stacks and series by the hash of their content, so that any aggregator gives the same
 * thing the same name without asking.
 *
 * XXH64 is fast and no defence against somebody who seeks collisions; who may push is trusted that far. With
 * ten million stacks the chance that any two collide is one in 370,000.
 *
 * @module
 */

import { type Profile, stackCount } from "../../profile/model.ts";
import { type Locations, locationsOf } from "./locations.ts";
import xxhash from "xxhash-wasm";

const { h64, h64Raw } = await xxhash();

// What is hashed differs in kind, so that equal bytes of different kinds get different names.
const SEED = { content: 1n, stack: 2n, series: 3n, native: 4n, function: 5n, symbol: 6n } as const;

/** Holds the hashes of a profile's tables, row by row. */
export interface ContentHashes {
  /** Holds the hashes of (function, module), by row of the frame table. */
  readonly functions: BigUint64Array;
  /** Holds what frames and stacks are grouped to; rows of `locations` and `symbols` are its. */
  readonly grouped: Locations;
  readonly locations: BigUint64Array;
  /** Holds the hashes of all that is known of each location: another name of it is another symbol. */
  readonly symbols: BigUint64Array;
  readonly stacks: BigUint64Array;
  readonly series: BigUint64Array;
}

/** Hashes every row of `profile`, whose series are of `node`. Strings are hashed once, rows by their hashes. */
export function hashContent(profile: Profile, node: string): ContentHashes {
  const strings = BigUint64Array.from(profile.strings, (text) => h64(text));
  const grouped = locationsOf(profile);
  const content = hashChains(profile, strings, grouped);
  const locations = hashLocations(profile, strings, { grouped, content });
  return {
    functions: hashFunctions(profile, strings),
    grouped,
    locations,
    symbols: locations.map((location, i) => hashPair(location, content[i]!, SEED.symbol)),
    stacks: hashStacks(profile, grouped, locations),
    series: hashSeries(profile, strings, h64(node)),
  };
}

/** Returns the hash of a function as people see it, by which stacks are merged. */
export function functionKey(name: string, module: string): bigint {
  return hashPair(h64(name), h64(module), SEED.function);
}

/** Returns `hashes[row]` for each of `rows`. Halves are copied: a bigint for each hash takes ten times as long. */
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

function hashFunctions({ frames }: Profile, strings: BigUint64Array): BigUint64Array {
  return BigUint64Array.from(frames.line, (_, i) => {
    return hashPair(strings[frames.function[i]!]!, strings[frames.module[i]!]!, SEED.function);
  });
}

const PAIR = new BigUint64Array(2);
const PAIR_BYTES = new Uint8Array(PAIR.buffer);

function hashPair(a: bigint, b: bigint, seed: bigint): bigint {
  PAIR[0] = a;
  PAIR[1] = b;
  return h64Raw(PAIR_BYTES, seed);
}

/** Hashes all that is known of each location: its frames with their names, and the rank. */
function hashChains(
  { frames }: Profile,
  strings: BigUint64Array,
  { offset, frame, rank }: Locations,
): BigUint64Array {
  const row = new BigUint64Array(7);
  const bytes = new Uint8Array(row.buffer);
  const own = BigUint64Array.from(frames.line, (line, i) => {
    row[0] = strings[frames.function[i]!]!;
    row[1] = strings[frames.module[i]!]!;
    row[2] = strings[frames.file[i]!]!;
    row[3] = strings[frames.buildId[i]!]!;
    row[4] = BigInt(line);
    row[5] = BigInt(frames.address[i]!);
    row[6] = BigInt(frames.startLine[i]!);
    return h64Raw(bytes, SEED.content);
  });
  const chains = gather(own, frame);
  return BigUint64Array.from(rank, (best, i) => {
    const chain = chains.subarray(offset[i]!, offset[i + 1]!);
    const whole = new BigUint64Array(chain.length + 1);
    whole.set(chain);
    whole[chain.length] = BigInt(best);
    return h64Raw(new Uint8Array(whole.buffer), SEED.content);
  });
}

/** Hashes locations: native code by where it is, whatever it is called now; all else by its content. */
function hashLocations(
  { frames }: Profile,
  strings: BigUint64Array,
  { grouped: { offset, frame, native }, content }: { grouped: Locations; content: BigUint64Array },
): BigUint64Array {
  const row = new BigUint64Array(3);
  const bytes = new Uint8Array(row.buffer);
  return BigUint64Array.from(native, (isNative, i) => {
    if (isNative === 0) return content[i]!;
    const outermost = frame[offset[i + 1]! - 1]!;
    row[0] = strings[frames.module[outermost]!]!;
    row[1] = strings[frames.buildId[outermost]!]!;
    row[2] = BigInt(frames.address[outermost]!);
    return h64Raw(bytes, SEED.native);
  });
}

function hashStacks(profile: Profile, { stacks }: Locations, locations: BigUint64Array): BigUint64Array {
  const { offset, location } = stacks;
  const bytes = new Uint8Array(gather(locations, location).buffer);
  const hashes = new BigUint64Array(stackCount(profile));
  for (let i = 0; i < hashes.length; i++) {
    hashes[i] = h64Raw(bytes.subarray(offset[i]! * 8, offset[i + 1]! * 8), SEED.stack);
  }
  return hashes;
}

function hashSeries({ series }: Profile, strings: BigUint64Array, node: bigint): BigUint64Array {
  const row = new BigUint64Array(10);
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
    row[9] = strings[series.process[i]!]!;
    return h64Raw(bytes, SEED.series);
  });
}
