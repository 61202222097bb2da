// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the protobuf wire format, as far as columns of integers and strings need it.
 * https://protobuf.dev/programming-guides/encoding/
 *
 * What is accepted is what the generated decoder's runtime accepts, down to integers that are longer than
 * they need to be, so that tests can hold the two equal on any bytes; but a string must be valid UTF-8.
 *
 * @module
 */

import { KnownStrings } from "./known_strings.ts";

/** Groups, which nobody sends, may be nested this deep before the message is refused. */
const GROUP_DEPTH = 100;
/** Up to this length a loop beats the decoder's call. */
const SHORT_STRING = 16;

/** This is much the faster of the two; what it could not read, and what says so itself, is read again by the other. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const REPLACEMENT = "\ufffd";

/** Is thrown for bytes that are not a protobuf message of the expected type. */
export class WireError extends Error {
  override name = "WireError";
}

/** Is a column that grows: by what a packed field holds at once, else by doubling. */
export class Column<T extends Uint8Array | Uint32Array | Float64Array> {
  data: T;
  length = 0;

  constructor(readonly make: (length: number) => T) {
    this.data = make(0);
  }

  /** Makes room for `count` more. */
  reserve(count: number): void {
    const need = this.length + count;
    if (need <= this.data.length) return;
    const grown = this.make(this.length === 0 ? need : Math.max(need, 2 * this.data.length));
    grown.set(this.data.subarray(0, this.length));
    this.data = grown;
  }

  /** Returns the values, without the room that was not used. */
  finish(): T {
    return (this.length === this.data.length ? this.data : this.data.slice(0, this.length)) as T;
  }
}

/** Is this thread's: what it read of other messages, it need not read again. */
const known = new KnownStrings(decodeText);

function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT_STRING) {
    let text = "";
    let at = start;
    for (; at < end && bytes[at]! < 0x80; at++) text += String.fromCharCode(bytes[at]!);
    if (at === end) return text;
  }
  const text = decoder.decode(bytes.subarray(start, end));
  if (!text.includes(REPLACEMENT)) return text;
  try {
    return strictDecoder.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new WireError("Cannot read a string as it is not valid UTF-8", { cause });
  }
}

/** Is a cursor over a message. All methods throw {@linkcode WireError} where the bytes end too early. */
export class WireReader {
  readonly bytes: Uint8Array;
  pos = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads an unsigned integer whose higher bits, if there are any, are dropped. */
  uint32(): number {
    const { bytes } = this;
    let pos = this.pos;
    let byte = this.#byte(pos++);
    let value = byte & 0x7f;
    for (let shift = 7; byte & 0x80 && shift < 35; shift += 7) {
      byte = this.#byte(pos++);
      value |= (byte & 0x7f) << shift;
    }
    for (let more = 5; byte & 0x80; more--) {
      if (more === 0) throw new WireError("Cannot read an integer as it is longer than 10 bytes");
      byte = this.#byte(pos++);
    }
    if (pos > bytes.length) throw endedEarly();
    this.pos = pos;
    return value >>> 0;
  }

  /** Reads an unsigned integer of 64 bits, rounded to the nearest double: exact up to 2^53. */
  uint64(): number {
    let pos = this.pos;
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte(pos++);
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * i - 32);
      if (byte < 0x80) {
        this.pos = pos;
        return (high >>> 0) * 2 ** 32 + (low >>> 0);
      }
    }
    throw new WireError("Cannot read an integer as it is longer than 10 bytes");
  }

  /** Reads eight bytes, little-endian. */
  fixed64(): bigint {
    const { bytes, pos } = this;
    if (pos + 8 > bytes.length) throw endedEarly();
    this.pos = pos + 8;
    return new DataView(bytes.buffer, bytes.byteOffset + pos, 8).getBigUint64(0, true);
  }

  /** Reads a length, and so many bytes of UTF-8. */
  string(): string {
    const length = this.uint32();
    const { bytes, pos: start } = this;
    const end = start + length;
    if (end > bytes.length) throw endedEarly();
    this.pos = end;
    return known.get(bytes, start, end);
  }

  /** Appends the one value, or the packed values, of a field of type uint32. */
  uint32s(column: Column<Uint32Array>, packed: boolean): void {
    if (!packed) {
      const value = this.uint32();
      column.reserve(1);
      column.data[column.length++] = value;
      return;
    }
    const end = this.#packed(column);
    const { bytes } = this;
    const { data } = column;
    let { pos } = this;
    let { length } = column;
    while (pos < end) {
      const byte = bytes[pos]!;
      if (byte < 0x80) {
        data[length++] = byte;
        pos++;
        continue;
      }
      const second = bytes[pos + 1];
      if (second !== undefined && second < 0x80) {
        data[length++] = (byte & 0x7f) | (second << 7);
        pos += 2;
        continue;
      }
      this.pos = pos;
      data[length++] = this.uint32();
      pos = this.pos;
    }
    this.pos = pos;
    column.length = length;
  }

  /** Appends the one value, or the packed values, of a field of type uint64. */
  uint64s(column: Column<Float64Array>, packed: boolean): void {
    const end = packed ? this.#packed(column) : this.pos + 1;
    if (!packed) column.reserve(1);
    while (this.pos < end) column.data[column.length++] = this.uint64();
  }

  /** Appends the one value, or the packed values, of an enum; 255 stands for all that a byte cannot hold. */
  enums(column: Column<Uint8Array>, packed: boolean): void {
    const end = packed ? this.#packed(column) : this.pos + 1;
    if (!packed) column.reserve(1);
    while (this.pos < end) column.data[column.length++] = Math.min(this.uint32(), 255);
  }

  /**
   * Skips a field of wire type `type` whose tag was read.
   *
   * @param group the field's number, which the end of a group must have, too; any without it
   */
  skip(type: number, { depth = GROUP_DEPTH, group }: { depth?: number; group?: number } = {}): void {
    switch (type) {
      case 0:
        while (this.#byte(this.pos++) & 0x80);
        break;
      case 1:
        this.pos += 8;
        break;
      case 2: {
        const length = this.uint32();
        this.pos += length;
        break;
      }
      case 3:
        this.#skipGroup(depth, group);
        break;
      case 5:
        this.pos += 4;
        break;
      default:
        throw new WireError(`Cannot skip a field as there is no wire type ${type}`);
    }
    if (this.pos > this.bytes.length) throw endedEarly();
  }

  #skipGroup(depth: number, group: number | undefined): void {
    if (depth <= 0) throw new WireError(`Cannot skip a group as it is nested more than ${GROUP_DEPTH} deep`);
    while (true) {
      const start = this.pos;
      const tag = this.uint32();
      const size = this.pos - start;
      const overflows = size > 5 || (size === 5 && this.bytes[this.pos - 1]! > 0x0f);
      if (overflows || tag >>> 3 === 0 || (tag & 7) > 5) {
        throw new WireError("Cannot skip a group as a tag in it is not valid");
      }
      if ((tag & 7) !== 4) this.skip(tag & 7, { depth: depth - 1, group: tag >>> 3 });
      else if (group === undefined || tag >>> 3 === group) return;
      else throw new WireError("Cannot skip a group as it ends as another would");
    }
  }

  /** Reads a packed field's length, makes room for its values, and returns where it ends. */
  #packed(column: Column<Uint8Array | Uint32Array | Float64Array>): number {
    const length = this.uint32();
    const { bytes, pos } = this;
    const end = pos + length;
    if (end > bytes.length) throw endedEarly();
    let count = 0;
    for (let at = pos; at < end; at++) count += 1 - (bytes[at]! >> 7);
    // The last value may reach beyond the field, which protobuf's own runtimes let pass.
    column.reserve(length > 0 && bytes[end - 1]! >= 0x80 ? count + 1 : count);
    return end;
  }

  #byte(pos: number): number {
    const byte = this.bytes[pos];
    if (byte === undefined) throw endedEarly();
    return byte;
  }
}

function endedEarly(): WireError {
  return new WireError("Cannot read a message as it ends in the middle of a field");
}
