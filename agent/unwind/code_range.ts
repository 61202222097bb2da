// SPDX-License-Identifier: Apache-2.0
/**
 * Ranges of code in an ELF file, and reads within the bounds of what such files hold.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { ElfError, type Segment } from "../../symbols/elf/elf.ts";

/** The most that one section may hold, unpacked, in bytes; the largest known has 60 MiB. */
export const MAX_SECTION_BYTES = 256 * 1024 * 1024;

/** Code, by the file's own addresses. */
export interface CodeRange {
  readonly address: number;
  /** Bytes in the file. */
  readonly size: number;
}

/** Returns the part of `segment` that is in the file. */
export function rangeOf(source: ByteSource, { address, offset, fileSize }: Segment): CodeRange {
  return { address, size: Math.max(0, Math.min(fileSize, source.size - offset)) };
}

/** Tells whether the address `at` is in a range. */
export function contains({ address, size }: CodeRange, at: number): boolean {
  return at >= address && at < address + size;
}

/**
 * Reads `length` bytes at `offset`.
 *
 * @throws {ElfError} when the file ends before `offset + length`, or that is more than any file needs
 */
export function readExactly(source: ByteSource, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const within = length <= MAX_SECTION_BYTES && offset + length <= source.size;
  const bytes = within ? source.read(offset, length) : undefined;
  if (bytes?.length === length) return bytes;
  throw new ElfError(
    `Cannot read ${length} bytes at ${offset} of an ELF file: it has ${source.size} bytes`,
  );
}
