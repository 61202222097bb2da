// SPDX-License-Identifier: Apache-2.0
/**
 * Small reads of a large file: blocks that were read are kept for the next read beside them.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";

const BLOCK = 4096;
/** Blocks that are kept: 256 KiB. */
const MAX_BLOCKS = 64;
const EMPTY = new Uint8Array(0);

/** Reads a part of a {@linkcode ByteSource}, from `offset` on, `size` bytes long. */
export class BlockReader {
  readonly size: number;
  readonly #source: ByteSource;
  readonly #offset: number;
  readonly #blocks = new Map<number, Uint8Array>();

  constructor(source: ByteSource, offset: number, size: number) {
    this.#source = source;
    this.#offset = offset;
    this.size = Math.max(0, Math.min(size, source.size - offset));
  }

  /** Returns the byte at `at`; 0 where the part has ended. */
  u8(at: number): number {
    if (!(at >= 0 && at < this.size)) return 0;
    return this.#block(Math.floor(at / BLOCK))[at % BLOCK] ?? 0;
  }

  /** Returns the little-endian number at `at`, unsigned. */
  u32(at: number): number {
    return (this.u8(at) | this.u8(at + 1) << 8 | this.u8(at + 2) << 16 | this.u8(at + 3) << 24) >>> 0;
  }

  /** Returns the little-endian number at `at`, signed. */
  i32(at: number): number {
    return this.u32(at) | 0;
  }

  /** Returns the little-endian number at `at`, exact below 2⁵³. */
  u64(at: number): number {
    return this.u32(at + 4) * 2 ** 32 + this.u32(at);
  }

  /** Returns the bytes from `at` up to a zero byte, but not more than `max`. */
  text(at: number, max: number): Uint8Array {
    const bytes: number[] = [];
    for (let byte; bytes.length < max && (byte = this.u8(at + bytes.length)) !== 0;) bytes.push(byte);
    return Uint8Array.from(bytes);
  }

  #block(index: number): Uint8Array {
    const known = this.#blocks.get(index);
    if (known) return known;
    if (this.#blocks.size >= MAX_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value!);
    const from = index * BLOCK;
    const length = Math.min(BLOCK, this.size - from);
    const block = length > 0 ? this.#source.read(this.#offset + from, length) : EMPTY;
    this.#blocks.set(index, block);
    return block;
  }
}
