// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { byteBefore, toFileAddress, toFrameAddress } from "./file_address.ts";

const file = fc.integer({ min: 1, max: 2 ** 17 - 1 });
const address = fc.integer({ min: 1, max: 2 ** 36 - 1 });

Deno.test("toFileAddress() reads back what toFrameAddress() made, and takes no address for one", () => {
  fc.assert(fc.property(file, address, (file, address) => {
    assertEquals(toFileAddress(toFrameAddress({ file, address })), { file, address });
  }));
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 53 - 1 }), (at) => toFileAddress(at) === undefined));
});

Deno.test("byteBefore() is one byte before, in a file as in a process", () => {
  fc.assert(fc.property(file, address, (file, address) => {
    const before = toFileAddress(byteBefore(toFrameAddress({ file, address })));
    assertEquals(before, { file, address: address - 1 });
    assertEquals(byteBefore(address), address - 1);
  }));
});
