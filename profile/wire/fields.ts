// SPDX-License-Identifier: Apache-2.0
/**
 * Goes through the fields of a protobuf message.
 *
 * @module
 */

import type { WireReader } from "./wire_reader.ts";

/** Takes a field whose tag was read, or says that it is to be skipped. */
export type TakeField = (tag: number) => boolean;

/**
 * Calls `field` with each tag up to `end`; a field that it does not take is skipped. As in the generated
 * decoder, the tag 0 and the end of a group that was not begun end the message.
 *
 * @throws {WireError} when the bytes are no message
 */
export function fields(reader: WireReader, end: number, field: TakeField): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (field(tag)) continue;
    if (tag === 0 || (tag & 7) === 4) return;
    reader.skip(tag & 7);
  }
}

/** Returns what begins field `number` of wire type `type`: 0 varint, 1 eight bytes, 2 length and bytes. */
export function tagOf(number: number, type: 0 | 1 | 2): number {
  return (number << 3) | type;
}

/** Goes through a message that stands in another, its length first. @returns true, as its field was taken */
export function message(reader: WireReader, field: TakeField): true {
  const length = reader.uint32();
  fields(reader, reader.pos + length, field);
  return true;
}
