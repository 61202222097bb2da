// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatTime, parseTime } from "./time.ts";

const NOW = Date.parse("2026-01-31T12:00:00Z");

Deno.test("parseTime() reads now, ages, RFC 3339 and Unix seconds", () => {
  assertEquals(parseTime("now", NOW), NOW);
  assertEquals(parseTime("-15m", NOW), NOW - 900_000);
  assertEquals(parseTime("-1h30m", NOW), NOW - 5_400_000);
  assertEquals(parseTime("2026-01-31T11:00:00Z", NOW), NOW - 3_600_000);
  assertEquals(parseTime("2026-01-31T13:00:00.250+02:00", NOW), NOW - 3_600_000 + 250);
  assertEquals(parseTime("1769860800", NOW), NOW);
  assertEquals(parseTime("1769860800.5", NOW), NOW + 500);
});

Deno.test("parseTime() refuses what is none of them", () => {
  for (
    const text of ["", "yesterday", "15m", "-15", "--1m", "2026-01-31", "2026-13-31T11:00:00Z", "1e9", "-1y"]
  ) {
    assertEquals(parseTime(text, NOW), undefined, text);
  }
});

Deno.test("parseTime() reads what formatTime() writes, and never throws", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => parseTime(formatTime(ms), NOW) === ms));
  fc.assert(fc.property(fc.string(), (text) => {
    const time = parseTime(text, NOW);
    return time === undefined || Number.isInteger(time);
  }));
});
