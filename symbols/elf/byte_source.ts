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

/** Gives bytes that are in memory. */
export function memorySource(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(Math.min(offset, bytes.length), offset + length),
  };
}
