// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseFieldTime } from "./time.ts";

const NOW = Date.UTC(2026, 10, 20, 12);

Deno.test("parseFieldTime() tells by its digits what a number counts", () => {
  for (const text of ["1795176000", "1795176000000", "1795176000000000", "1795176000000000000"]) {
    assertEquals(parseFieldTime(text, 0), NOW, text);
  }
  assertEquals(parseFieldTime("20261120", 0), NOW - 12 * 3_600_000);
  assertEquals(parseFieldTime("now", NOW), NOW);
  assertEquals(parseFieldTime("now-90m", NOW), NOW - 5_400_000);
  assertEquals(parseFieldTime("now-1w", NOW), NOW - 7 * 24 * 3_600_000);
  for (const text of ["", "1", "now-", "now-1x", "now+1h", "20261332", "2026-11-20", "-1795176000"]) {
    assertEquals(parseFieldTime(text, NOW), undefined, text);
  }
});

Deno.test("parseFieldTime() of any text is a whole number or nothing", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."now-0123456789smhdwMy") }), (text) => {
    const time = parseFieldTime(text, NOW);
    assertEquals(time === undefined || Number.isInteger(time), true);
  }));
});
