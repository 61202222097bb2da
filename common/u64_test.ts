// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { u64 } from "./u64.ts";

Deno.test("u64() is exact up to 2^53, and no smaller than that for all above", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(7), (value, at) => {
    const view = new DataView(new ArrayBuffer(16));
    view.setBigUint64(at, value, true);
    if (value <= 2n ** 53n) assertEquals(u64(view, at), Number(value));
    else assert(u64(view, at) >= 2 ** 53);
  }));
});
