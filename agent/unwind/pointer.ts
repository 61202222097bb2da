// SPDX-License-Identifier: Apache-2.0
/**
 * Reads pointers as exception frames encode them (Linux Standard Base Core 5.0, "DWARF Exception Header
 * Encoding").
 *
 * @module
 */

import { MalformedError, type Reader } from "./reader.ts";

/** DW_EH_PE_*: the low four bits tell the size, the next three what the value counts from, the last that it is a
 * pointer to the pointer. */
export const PE_ABSOLUTE = 0;
const PE_PC_RELATIVE = 0x10;
const PE_DATA_RELATIVE = 0x30;
export const PE_ALIGNED = 0x50;
export const PE_OMIT = 0xff;

/** An encoded pointer may count from these. */
export interface Bases {
  /** The address of the reader's byte 0. */
  readonly section: number;
  /** DW_EH_PE_datarel's base, where there is one. */
  readonly data?: number;
}

/**
 * Reads a pointer.
 *
 * @throws {MalformedError} when it depends on what only a running program knows, or on an unknown encoding
 */
export function readPointer(reader: Reader, encoding: number, bases: Bases): number {
  if (encoding === PE_ALIGNED) {
    reader.skip((8 - (bases.section + reader.position) % 8) % 8);
    return reader.u64();
  }
  const at = bases.section + reader.position;
  const value = readValue(reader, encoding & 15);
  switch (encoding & 0xf0) {
    case PE_ABSOLUTE:
      return value;
    case PE_PC_RELATIVE:
      return at + value;
    case PE_DATA_RELATIVE:
      if (bases.data !== undefined) return bases.data + value;
  }
  throw new MalformedError(`Cannot read a pointer of this encoding: ${encoding}`);
}

/** Reads a value of the size and sign that the low four bits of an encoding tell. */
export function readValue(reader: Reader, format: number): number {
  switch (format) {
    case 0:
    case 4:
      return reader.u64();
    case 1:
      return reader.uleb();
    case 2:
      return reader.u16();
    case 3:
      return reader.u32();
    case 8:
    case 12:
      return reader.i64();
    case 9:
      return reader.sleb();
    case 10:
      return reader.i16();
    case 11:
      return reader.i32();
    default:
      throw new MalformedError(`Cannot read a pointer of this format: ${format}`);
  }
}
