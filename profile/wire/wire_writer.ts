// SPDX-License-Identifier: Apache-2.0
/**
 * Writes the protobuf wire format, as far as columns of integers and strings need it: all into one piece of memory, as
 * one for each string and column is most of what to write a batch takes.
 * https://protobuf.dev/programming-guides/encoding/
 *
 * @module
 */

import type { Pieces } from "../../common/pieces.ts";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;

const FIRST_BYTES = 1 << 16;
/** A number takes so many bytes at most: those of a tag or a length, and those up to 2^53. */
const SHORT_BYTES = 5;
const LONG_BYTES = 8;
/** A character takes so many at most in UTF-8. */
const CHARACTER_BYTES = 3;
/** A piece has so many numbers of a column, or so many strings. */
const PIECE = 16_384;
const STRINGS_PIECE = 1024;

export type NumberColumn = Uint8Array | Uint32Array | Float64Array;

const encoder = new TextEncoder();

/** Holds the message that is being written. */
export class WireWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #at = 0;

  /** Returns what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at);
  }

  /** Begins a field of some length, see {@linkcode close}. */
  open(field: number): number {
    this.#reserve(2 * SHORT_BYTES);
    this.#varint(field << 3 | LENGTH_DELIMITED);
    const begin = this.#at;
    this.#at += SHORT_BYTES;
    return begin;
  }

  /** Ends the field that {@linkcode open} has begun. */
  close(begin: number): void {
    const [from, end] = [begin + SHORT_BYTES, this.#at];
    this.#at = begin;
    this.#varint(end - from);
    this.#bytes.copyWithin(this.#at, from, end);
    this.#at += end - from;
  }

  string(field: number, text: string): void {
    const begin = this.open(field);
    this.#reserve(CHARACTER_BYTES * text.length);
    this.#at += encode(text, this.#bytes, this.#at);
    this.close(begin);
  }

  /** Writes a field for each of `texts`. */
  *strings(field: number, texts: readonly string[]): Pieces<void> {
    for (let from = 0; from < texts.length; from += STRINGS_PIECE) {
      this.#someStrings(field, texts, from);
      yield;
    }
  }

  // V8 does not compile a loop within a generator while it runs.
  #someStrings(field: number, texts: readonly string[], from: number): void {
    const end = Math.min(from + STRINGS_PIECE, texts.length);
    for (let i = from; i < end; i++) this.string(field, texts[i]!);
  }

  fixed64(field: number, value: bigint): void {
    this.#reserve(SHORT_BYTES + LONG_BYTES);
    this.#varint(field << 3 | FIXED64);
    new DataView(this.#bytes.buffer).setBigUint64(this.#at, value, true);
    this.#at += LONG_BYTES;
  }

  /** @param value up to 2^53 */
  integer(field: number, value: number): void {
    this.#reserve(SHORT_BYTES + LONG_BYTES);
    this.#varint(field << 3 | VARINT);
    this.#varint(value);
  }

  /** Writes a message whose field `i + 1` is the column `i`; an empty column is left out. */
  *table(field: number, columns: readonly NumberColumn[]): Pieces<void> {
    const begin = this.open(field);
    for (const [i, column] of columns.entries()) {
      if (column.length === 0) continue;
      const columnBegin = this.open(i + 1);
      for (let from = 0; from < column.length; from += PIECE) {
        this.#packed(column, from, Math.min(from + PIECE, column.length));
        yield;
      }
      this.close(columnBegin);
    }
    this.close(begin);
  }

  /** Writes numbers of `column` as base-128 integers, low bits first. */
  #packed(column: NumberColumn, from: number, to: number): void {
    this.#reserve((to - from) * (column instanceof Float64Array ? LONG_BYTES : SHORT_BYTES));
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = from; i < to; i++) at = putVarint(column[i]!, bytes, at);
    this.#at = at;
  }

  #varint(value: number): void {
    this.#at = putVarint(value, this.#bytes, this.#at);
  }

  #reserve(count: number): void {
    const need = this.#at + count;
    if (need <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(need, 2 * this.#bytes.length));
    bytes.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bytes;
  }
}

/** Puts `value`, which has room, at `at`, and returns where it ends. */
function putVarint(value: number, bytes: Uint8Array, at: number): number {
  while (value >= 2 ** 31) {
    bytes[at++] = (value % 128) | 0x80;
    value = Math.floor(value / 128);
  }
  while (value >= 0x80) {
    bytes[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  bytes[at++] = value;
  return at;
}

/** Puts `text`, which has room, at `at`, and returns how many bytes it takes: of most a loop beats the encoder's call. */
function encode(text: string, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return encoder.encodeInto(text, bytes.subarray(at)).written;
    bytes[at + i] = code;
  }
  return text.length;
}
