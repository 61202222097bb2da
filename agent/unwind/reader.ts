// SPDX-License-Identifier: Apache-2.0
/**
 * Reads little-endian numbers from bytes, with every access checked.
 *
 * @module
 */

/** The bytes contradict the format they should have. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

/** A position in bytes, with an end that no read passes. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** The position counts from the start of `bytes`. */
  position: number;
  /** The bytes at `end` and after it cannot be read. */
  end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
    this.end = end;
  }

  /** Moves to `position`, with `end` as the new bound. */
  seek(position: number, end: number): this {
    if (!(position >= 0 && position <= end && end <= this.bytes.length)) {
      throw new MalformedError(`Cannot read at ${position}: ${this.bytes.length} bytes, end at ${end}`);
    }
    this.position = position;
    this.end = end;
    return this;
  }

  skip(count: number): void {
    this.#take(count);
  }

  u8(): number {
    return this.bytes[this.#take(1)]!;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** Reads 8 bytes, exact below 2⁵³; what is above is rounded, and no address of a program is there. */
  u64(): number {
    const low = this.u32();
    return this.u32() * 0x1_0000_0000 + low;
  }

  /** Reads 8 bytes with a sign, exact between ±2⁵³. */
  i64(): number {
    const low = this.u32();
    return this.i32() * 0x1_0000_0000 + low;
  }

  /** Reads unsigned LEB128, at most 10 bytes; exact below 2⁵³. */
  uleb(): number {
    let value = 0;
    for (let scale = 1, count = 0; count < 10; scale *= 128, count++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new MalformedError(`Cannot read a LEB128 number as it is too long: at ${this.position}`);
  }

  /** Reads signed LEB128, at most 10 bytes; exact between ±2⁴⁸. */
  sleb(): number {
    let value = 0;
    for (let scale = 1, count = 0; count < 10; scale *= 128, count++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return byte & 64 ? value - scale * 128 : value;
    }
    throw new MalformedError(`Cannot read a LEB128 number as it is too long: at ${this.position}`);
  }

  /** Reads text up to a zero byte, which is read too. */
  text(): string {
    const start = this.position;
    const zero = this.bytes.indexOf(0, start);
    if (zero === -1 || zero >= this.end) throw new MalformedError(`Cannot find the end of text: at ${start}`);
    this.position = zero + 1;
    return String.fromCharCode(...this.bytes.subarray(start, Math.min(zero, start + 64)));
  }

  #take(count: number): number {
    const at = this.position;
    if (!(count <= this.end - at)) {
      throw new MalformedError(`Cannot read ${count} bytes at ${at}: the end is at ${this.end}`);
    }
    this.position = at + count;
    return at;
  }
}
