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
const SEED = { content: 1n, stack: 2n, series: 3n, native: 4n, function: 5n } as const;

/** Holds the hashes of a profile's tables, row by row. */
export interface ContentHashes {
  /** Returns the hash of (function, module) of a row of the frame table: few are asked for, once most names are known. */
  readonly functionOf: (frame: number) => bigint;
  /** Holds what frames and stacks are grouped to; rows of `locations` and `symbols` are its. */
  readonly grouped: Locations;
  readonly locations: BigUint64Array;
  /**
   * Holds hashes of all that is known of each location: another name of it is another symbol. They are in no table, and
   * made of the others' without hashing once more.
   */
  readonly symbols: BigUint64Array;
  readonly stacks: BigUint64Array;
  readonly series: BigUint64Array;
}

/** Names come again and again: so many are known with their hashes, each of so many characters at most. */
const KNOWN_TEXTS = 2 ** 16;
const KNOWN_LENGTH = 256;
const known = new Map<string, bigint>();

function hashText(text: string): bigint {
  const before = known.get(text);
  if (before !== undefined) return before;
  const hash = h64(text);
  if (text.length > KNOWN_LENGTH) return hash;
  if (known.size >= KNOWN_TEXTS) known.clear();
  known.set(text, hash);
  return hash;
}

/** Hashes every row of `profile`, whose series are of `node`. Strings are hashed once, rows by their hashes. */
export function hashContent(profile: Profile, node: string): ContentHashes {
  const strings = BigUint64Array.from(profile.strings, hashText);
  const words = wordsOf(strings);
  const grouped = locationsOf(profile);
  const content = hashChains(profile, words, grouped);
  const locations = hashLocations(profile, words, { grouped, content });
  return {
    functionOf: functionHasher(profile, words),
    grouped,
    locations,
    symbols: mixPairs(wordsOf(locations), wordsOf(content)),
    stacks: hashStacks(profile, grouped, locations),
    series: hashSeries(profile, words, h64(node)),
  };
}

/** Returns the hash of a function as people see it, by which stacks are merged. */
export function functionKey(name: string, module: string): bigint {
  return hashPair(h64(name), h64(module), SEED.function);
}

/** Returns `hashes[row]` for each of `rows`. Halves are copied: a bigint for each hash takes ten times as long. */
export function gather(hashes: BigUint64Array, rows: Uint32Array): BigUint64Array {
  const from = wordsOf(hashes);
  const to = new Uint32Array(rows.length * 2);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    to[2 * i] = from[2 * row]!;
    to[2 * i + 1] = from[2 * row + 1]!;
  }
  return new BigUint64Array(to.buffer);
}

/** Returns the halves of `hashes`, the low one first. */
export function wordsOf(hashes: BigUint64Array): Uint32Array {
  return new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length * 2);
}

/** Is what is hashed at once: integers of 64 bits, which are written by their halves, see {@linkcode gather}. */
class HashedRow {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;

  constructor(length: number) {
    this.#words = new Uint32Array(length * 2);
    this.bytes = new Uint8Array(this.#words.buffer);
  }

  /** Writes hash `row` of `hashes` at the place `at`. */
  setHash(at: number, hashes: Uint32Array, row: number): void {
    this.#words[2 * at] = hashes[2 * row]!;
    this.#words[2 * at + 1] = hashes[2 * row + 1]!;
  }

  /** Writes an integer that is not negative at the place `at`. */
  setNumber(at: number, value: number): void {
    this.#words[2 * at] = value % 2 ** 32;
    this.#words[2 * at + 1] = Math.floor(value / 2 ** 32);
  }
}

function functionHasher({ frames }: Profile, strings: Uint32Array): (frame: number) => bigint {
  const row = new HashedRow(2);
  return (frame) => {
    row.setHash(0, strings, frames.function[frame]!);
    row.setHash(1, strings, frames.module[frame]!);
    return h64Raw(row.bytes, SEED.function);
  };
}

/** Makes one hash of two, pair by pair: what is even already stays so. */
function mixPairs(first: Uint32Array, second: Uint32Array): BigUint64Array {
  const mixed = new Uint32Array(first.length);
  for (let i = 0; i < mixed.length; i++) mixed[i] = first[i]! + Math.imul(second[i]!, 0x9e3779b1);
  return new BigUint64Array(mixed.buffer);
}

const PAIR = new BigUint64Array(2);
const PAIR_BYTES = new Uint8Array(PAIR.buffer);

function hashPair(a: bigint, b: bigint, seed: bigint): bigint {
  PAIR[0] = a;
  PAIR[1] = b;
  return h64Raw(PAIR_BYTES, seed);
}

/**
 * Hashes all that is known of each location: its frames with their names, and the rank. The location of one native frame
 * has that of the frame, and the rank beside it, as no table has it.
 */
function hashChains(
  { frames }: Profile,
  strings: Uint32Array,
  { offset, frame, rank, native }: Locations,
): BigUint64Array {
  const row = new HashedRow(7);
  const own = new BigUint64Array(frames.line.length);
  for (let i = 0; i < own.length; i++) {
    row.setHash(0, strings, frames.function[i]!);
    row.setHash(1, strings, frames.module[i]!);
    row.setHash(2, strings, frames.file[i]!);
    row.setHash(3, strings, frames.buildId[i]!);
    row.setNumber(4, frames.line[i]!);
    row.setNumber(5, frames.address[i]!);
    row.setNumber(6, frames.startLine[i]!);
    own[i] = h64Raw(row.bytes, SEED.content);
  }
  const frameHashes = wordsOf(own);
  const hashes = new BigUint64Array(rank.length);
  const words = wordsOf(hashes);
  let chain = new HashedRow(2);
  for (let i = 0; i < hashes.length; i++) {
    const start = offset[i]!;
    const length = offset[i + 1]! - start;
    if (length === 1 && native[i] === 1) {
      const row = frame[start]!;
      words[2 * i] = frameHashes[2 * row]! + rank[i]!;
      words[2 * i + 1] = frameHashes[2 * row + 1]!;
      continue;
    }
    if ((length + 1) * 8 > chain.bytes.length) chain = new HashedRow(2 * length);
    for (let f = 0; f < length; f++) chain.setHash(f, frameHashes, frame[start + f]!);
    chain.setNumber(length, rank[i]!);
    hashes[i] = h64Raw(chain.bytes.subarray(0, (length + 1) * 8), SEED.content);
  }
  return hashes;
}

/** Hashes locations: native code by where it is, whatever it is called now; all else by its content. */
function hashLocations(
  { frames }: Profile,
  strings: Uint32Array,
  { grouped: { offset, frame, native }, content }: { grouped: Locations; content: BigUint64Array },
): BigUint64Array {
  const row = new HashedRow(3);
  const hashes = content.slice();
  for (let i = 0; i < hashes.length; i++) {
    if (native[i] === 0) continue;
    const outermost = frame[offset[i + 1]! - 1]!;
    row.setHash(0, strings, frames.module[outermost]!);
    row.setHash(1, strings, frames.buildId[outermost]!);
    row.setNumber(2, frames.address[outermost]!);
    hashes[i] = h64Raw(row.bytes, SEED.native);
  }
  return hashes;
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

function hashSeries({ series }: Profile, strings: Uint32Array, node: bigint): BigUint64Array {
  const row = new HashedRow(10);
  row.setHash(0, wordsOf(BigUint64Array.of(node)), 0);
  const hashes = new BigUint64Array(series.pid.length);
  for (let i = 0; i < hashes.length; i++) {
    row.setHash(1, strings, series.namespace[i]!);
    row.setHash(2, strings, series.pod[i]!);
    row.setHash(3, strings, series.container[i]!);
    row.setHash(4, strings, series.service[i]!);
    row.setHash(5, strings, series.exe[i]!);
    row.setHash(6, strings, series.comm[i]!);
    row.setNumber(7, series.pid[i]!);
    row.setHash(8, strings, series.labels[i]!);
    row.setHash(9, strings, series.process[i]!);
    hashes[i] = h64Raw(row.bytes, SEED.series);
  }
  return hashes;
}
