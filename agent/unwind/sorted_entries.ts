// SPDX-License-Identifier: Apache-2.0
/**
 * Looks values up in a sorted table that stays in its file.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { viewOf } from "../../symbols/elf/sections.ts";
import { readExactly } from "./code_range.ts";

/** So many entries are read at once. */
const BLOCK_ENTRIES = 128;

/**
 * Entries that begin with a value of 32 bits with a sign, ascending. What is read on the way to one is kept, some bytes for
 * a hundred entries: after the first look-ups each is one read.
 */
export class SortedEntries {
  readonly #source: ByteSource;
  readonly #offset: number;
  readonly #count: number;
  readonly #entryBytes: number;
  /** The first value of each block; NaN where that was not read yet. */
  #firsts: Float64Array | undefined;
  /** The block that was read last. */
  #block: { readonly index: number; readonly view: DataView } | undefined;

  /** @param offset where the first entry is in the file */
  constructor(
    source: ByteSource,
    { offset, count, entryBytes }: { offset: number; count: number; entryBytes: number },
  ) {
    this.#source = source;
    this.#offset = offset;
    this.#count = count;
    this.#entryBytes = entryBytes;
  }

  /**
   * Returns how many entries are below `value`; of a table that is not sorted, some number of them.
   *
   * @throws {ElfError} when the file ends within the table
   */
  countBelow(value: number): number {
    const firsts = this.#firsts ??= new Float64Array(Math.ceil(this.#count / BLOCK_ENTRIES)).fill(NaN);
    const blocks = countBelow(value, firsts.length, (index) => this.#first(firsts, index));
    if (blocks === 0) return 0;
    const view = this.#blockAt(blocks - 1);
    const bytes = this.#entryBytes;
    const inBlock = countBelow(value, view.byteLength / bytes, (i) => view.getInt32(i * bytes, true));
    return (blocks - 1) * BLOCK_ENTRIES + inBlock;
  }

  #first(firsts: Float64Array, index: number): number {
    const known = firsts[index]!;
    if (!Number.isNaN(known)) return known;
    const bytes = readExactly(this.#source, this.#offset + index * BLOCK_ENTRIES * this.#entryBytes, 4);
    return firsts[index] = viewOf(bytes).getInt32(0, true);
  }

  #blockAt(index: number): DataView {
    if (this.#block?.index === index) return this.#block.view;
    const from = index * BLOCK_ENTRIES;
    const length = Math.min(BLOCK_ENTRIES, this.#count - from) * this.#entryBytes;
    const view = viewOf(readExactly(this.#source, this.#offset + from * this.#entryBytes, length));
    this.#block = { index, view };
    return view;
  }
}

/** Returns how many of `count` values, which ascend, are below `limit`. */
function countBelow(limit: number, count: number, valueAt: (index: number) => number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (valueAt(middle) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
