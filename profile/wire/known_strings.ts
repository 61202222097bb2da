// SPDX-License-Identifier: Apache-2.0
/**
 * Knows texts that were read before: a fleet sends the same names over and over.
 *
 * A text that is found is neither decoded nor made anew, so that what many batches say is in memory once, and leaves
 * nothing behind to collect.
 *
 * @module
 */

/** So many texts are known at most, each of so many bytes at most. */
const SLOTS = 2 ** 16;
const MAX_BYTES = 256;

/** Reads the text that the bytes from `start` to `end - 1` are. */
export type DecodeText = (bytes: Uint8Array, start: number, end: number) => string;

/** Holds texts in ASCII, each where its bytes say; another one of that place takes it. */
export class KnownStrings {
  readonly #decode: DecodeText;
  readonly #slots = new Array<string | undefined>(SLOTS).fill(undefined);

  /** @param decode reads texts that are not known, and throws for what is none */
  constructor(decode: DecodeText) {
    this.#decode = decode;
  }

  /** Returns the text that the bytes from `start` to `end - 1` are. */
  get(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > MAX_BYTES) return this.#decode(bytes, start, end);
    const slot = slotOf(bytes, start, end);
    const known = this.#slots[slot];
    if (known !== undefined && known.length === length && isText(known, bytes, start)) return known;
    const text = this.#decode(bytes, start, end);
    // One that is as long as its bytes is ASCII.
    if (text.length === length) this.#slots[slot] = text;
    return text;
  }
}

function slotOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ hash >>> 15) & SLOTS - 1;
}

/** Returns whether `text`, which is ASCII, is what the bytes from `start` on are. */
function isText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}
