// SPDX-License-Identifier: Apache-2.0
/**
 * The functions of one file as bytes that are searched where they are: in memory, or in a file that is mapped.
 *
 * 32 bytes of numbers, then of each range of addresses, ascending, its start (8 bytes), its length (4 bytes) and where
 * its name is (4 bytes), in an array each; then the names, each ended by a 0. Numbers are of this machine's byte order.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { DisjointRanges } from "./ranges.ts";

/** "APSY" with the number of the layout, and of what is put into it: an image of another one is none. */
const MAGIC = 0x41505359;
const LAYOUT = 4;
/** The header: magic, layout, ranges, bytes of names, flags, functions that were dropped, checksum of what follows. */
const HEADER_WORDS = 8;
const HEADER_BYTES = 4 * HEADER_WORDS;
const RANGE_BYTES = 16;
const WHOLE = 1;
/** Longer names are cut, as they are where images are made. */
const MAX_NAME_BYTES = 16_384;
const MAX_LENGTH = 2 ** 32 - 1;
const decoder = new TextDecoder();

/** Says what the tables were that it was made of. */
export interface ImageFlags {
  /** There were all functions, not only those that other files may call. */
  readonly whole: boolean;
  /** Functions that were left out, as all names together are too long. */
  readonly dropped: number;
}

/** The names of what ranges come from: they are copied, for to make an object of each of half a million is slow. */
export interface ItemNames {
  /** Items are from 0 up to this. */
  readonly count: number;
  /** Returns how many bytes a name has. */
  lengthOf(item: number): number;
  /** Puts the bytes of a name into `to`, from `at` on. */
  copyName(item: number, to: Uint8Array, at: number): void;
}

/** Functions by address. */
export class SymbolImage implements ImageFlags {
  readonly #start: Float64Array;
  readonly #length: Uint32Array;
  readonly #name: Uint32Array;
  readonly #names: Uint8Array;
  readonly whole: boolean;
  readonly dropped: number;
  readonly bytes: number;

  private constructor(bytes: Uint8Array<ArrayBuffer>, header: Uint32Array) {
    const [, , ranges, , flags, dropped] = header as unknown as [0, 0, number, 0, number, number];
    const { buffer, byteOffset } = bytes;
    let at = byteOffset + HEADER_BYTES;
    this.#start = new Float64Array(buffer, at, ranges);
    this.#length = new Uint32Array(buffer, at += 8 * ranges, ranges);
    this.#name = new Uint32Array(buffer, at += 4 * ranges, ranges);
    this.#names = bytes.subarray(at + 4 * ranges - byteOffset);
    this.whole = (flags & WHOLE) !== 0;
    this.dropped = dropped;
    this.bytes = bytes.length;
  }

  /**
   * Returns what `bytes` have, without a look at more than the header; `undefined` where they are no image, or not all
   * of one. Whatever the bytes are, nothing beside them is read.
   */
  static of(bytes: Uint8Array<ArrayBuffer>): SymbolImage | undefined {
    if (bytes.byteOffset % 8 !== 0 || bytes.length < HEADER_BYTES) return undefined;
    const header = new Uint32Array(bytes.buffer, bytes.byteOffset, HEADER_WORDS);
    const [magic, layout, ranges, nameBytes] = header as unknown as [number, number, number, number];
    if (magic !== MAGIC || layout !== LAYOUT) return undefined;
    if (bytes.length !== HEADER_BYTES + RANGE_BYTES * ranges + nameBytes) return undefined;
    return new SymbolImage(bytes, header);
  }

  /** Tells whether an image is as it was made. */
  static isIntact(bytes: Uint8Array<ArrayBuffer>): boolean {
    const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(24, true);
    return checksum === crc32(bytes.subarray(HEADER_BYTES));
  }

  /** Makes an image of ranges of items with names. */
  static encode(
    { start, end, item }: DisjointRanges,
    names: ItemNames,
    { whole, dropped }: ImageFlags,
  ): Uint8Array<ArrayBuffer> {
    const ranges = start.length;
    const { at, bytes: nameBytes } = placeNames(item, names);
    const image = new Uint8Array(HEADER_BYTES + RANGE_BYTES * ranges + nameBytes);
    const header = new Uint32Array(image.buffer, 0, HEADER_WORDS);
    header.set([MAGIC, LAYOUT, ranges, nameBytes, whole ? WHOLE : 0, dropped]);
    new Float64Array(image.buffer, HEADER_BYTES, ranges).set(start);
    const lengths = new Uint32Array(image.buffer, HEADER_BYTES + 8 * ranges, ranges);
    const places = new Uint32Array(image.buffer, HEADER_BYTES + 12 * ranges, ranges);
    const text = image.subarray(HEADER_BYTES + RANGE_BYTES * ranges);
    for (let i = 0; i < ranges; i++) {
      lengths[i] = Math.min(end[i]! - start[i]!, MAX_LENGTH);
      places[i] = at[item[i]!]!;
      names.copyName(item[i]!, text, places[i]!);
    }
    header[6] = crc32(image.subarray(HEADER_BYTES));
    return image;
  }

  /** Returns how many ranges there are. */
  get size(): number {
    return this.#start.length;
  }

  /** Returns the name of the function at `address`, as the file has it (mangled). */
  find(address: number): string | undefined {
    const starts = this.#start;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    const range = low - 1;
    if (range < 0 || address - starts[range]! >= this.#length[range]!) return undefined;
    return this.#nameOf(range);
  }

  /** Visits the ranges in the order of their addresses. */
  each(visit: (start: number, end: number, name: string) => void): void {
    for (let i = 0; i < this.size; i++) {
      visit(this.#start[i]!, this.#start[i]! + this.#length[i]!, this.#nameOf(i));
    }
  }

  #nameOf(range: number): string {
    const name = this.#names.subarray(this.#name[range]!, this.#name[range]! + MAX_NAME_BYTES);
    const end = name.indexOf(0);
    return decoder.decode(end < 0 ? name : name.subarray(0, end));
  }
}

/** No name is here. */
const NOWHERE = 0xffffffff;

/** Gives each name its place; ranges of one item share it. */
function placeNames(items: Uint32Array, names: ItemNames): { at: Uint32Array; bytes: number } {
  const at = new Uint32Array(names.count).fill(NOWHERE);
  let bytes = 0;
  for (const item of items) {
    if (at[item] !== NOWHERE) continue;
    at[item] = bytes;
    bytes += names.lengthOf(item) + 1;
  }
  return { at, bytes };
}
