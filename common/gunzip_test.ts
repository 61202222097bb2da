// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { gunzip, GunzipError, isGzip } from "./gunzip.ts";

Deno.test("gunzip() gives back what was packed up to its bound, and says what is wrong with all else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(2000), (bytes, cut) => {
      const packed = new Uint8Array(gzipSync(bytes));
      assertEquals([isGzip(packed), isGzip(packed.subarray(0, 1))], [true, false]);
      assertEquals(gunzip(packed, Math.max(1, bytes.length)), new Uint8Array(bytes));
      if (bytes.length > 1) {
        const error = assertThrows(() => gunzip(packed, bytes.length - 1), GunzipError);
        assertEquals(error.because, "size");
      }
      const part = packed.slice(0, cut % packed.length);
      assertEquals(assertThrows(() => gunzip(part, 4000), GunzipError).because, "damaged");
    }),
    { numRuns: 50 },
  );
});
