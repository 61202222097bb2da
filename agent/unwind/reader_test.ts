// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MalformedError, Reader } from "./reader.ts";

function leb(value: bigint, signed: boolean): Uint8Array {
  const bytes: number[] = [];
  while (true) {
    const byte = Number(value & 127n);
    value >>= 7n;
    const done = signed ? value === (byte & 64 ? -1n : 0n) : value === 0n;
    bytes.push(done ? byte : byte | 128);
    if (done) return new Uint8Array(bytes);
  }
}

Deno.test("Reader.uleb() reads any safe integer back, sleb() any between ±2⁴⁸", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (value) => {
    assertEquals(new Reader(leb(BigInt(value), false)).uleb(), value);
  }));
  fc.assert(fc.property(fc.integer({ min: -(2 ** 48), max: 2 ** 48 }), (value) => {
    assertEquals(new Reader(leb(BigInt(value), true)).sleb(), value);
  }));
});

Deno.test("Reader.uleb() takes padding, and refuses an endless number", () => {
  assertEquals(new Reader(new Uint8Array([0x85, 0x80, 0])).uleb(), 5);
  assertThrows(() => new Reader(new Uint8Array(20).fill(0xff)).uleb(), MalformedError, "too long");
});

Deno.test("Reader.i64() and u64() read addresses exactly", () => {
  const bytes = new Uint8Array(8);
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
    assertEquals(new Reader(bytes).i64(), value);
    if (value >= 0) assertEquals(new Reader(bytes).u64(), value);
  }));
});

Deno.test("Reader never reads behind its end", () => {
  const read = ["u8", "u16", "i16", "u32", "i32", "u64", "i64", "uleb", "sleb", "text"] as const;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.nat(12), fc.constantFrom(...read), (bytes, end, how) => {
      const reader = new Reader(bytes, 0, Math.min(end, bytes.length));
      try {
        while (true) reader[how]();
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
      }
      return reader.position <= reader.end;
    }),
  );
});

Deno.test("Reader.seek() refuses what is outside of the bytes", () => {
  const reader = new Reader(new Uint8Array(4));
  for (const [from, to] of [[-1, 2], [3, 2], [0, 5], [NaN, 2]] as const) {
    assertThrows(() => reader.seek(from, to), MalformedError);
  }
});
