// SPDX-License-Identifier: Apache-2.0
/**
 * Bytes that are read in pieces: of a file, or of memory.
 *
 * @module
 */

/** Gives the bytes of a file, or of what stands for one. */
export interface ByteSource {
  /** The size is in bytes. */
  readonly size: number;
  /** Returns up to `length` bytes from `offset`; fewer at the end. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

/** Puts the bytes of a file where the caller has room for them: what is large is then in memory once. */
export interface FillingSource extends ByteSource {
  /** Fills `bytes` from `offset` on; returns how many there were, which are fewer at the end. */
  readInto(bytes: Uint8Array<ArrayBuffer>, offset: number): number;
}

/** Gives bytes that are in memory. */
export function memorySource(bytes: Uint8Array<ArrayBuffer>): FillingSource {
  const read = (offset: number, length: number) =>
    bytes.subarray(Math.min(offset, bytes.length), offset + length);
  return {
    size: bytes.length,
    read,
    readInto(to, offset) {
      const found = read(offset, to.length);
      to.set(found);
      return found.length;
    },
  };
}
