// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatNs,
  formatNumber,
  formatShare,
  formatValue,
  shortModule,
  shortName,
} from "./format.ts";

Deno.test("formatNs() has three digits that count", () => {
  const cases: Record<string, number> = {
    "0 ns": 0,
    "999 ns": 999,
    "1.00 µs": 1000,
    "10.1 ms": 10_101_010,
    "100 ms": 99_960_000,
    "1.37 s": 1.37e9,
    "2.83 min": 169.7e9,
    "1.50 h": 5400e9,
    "12.0 d": 12 * 86_400e9,
  };
  for (const [text, ns] of Object.entries(cases)) assertEquals(formatNs(ns), text);
});

Deno.test("formatShare() tells little from nothing, and nearly all from all", () => {
  const cases: [number, number, string][] = [
    [0, 10, "0 %"],
    [1, 0, "0 %"],
    [1, 1e6, "< 0.01 %"],
    [5, 1000, "0.50 %"],
    [1, 8, "12.5 %"],
    [999, 1000, "99.9 %"],
    [1, 1, "100 %"],
  ];
  for (const [part, whole, text] of cases) assertEquals(formatShare(part, whole), text);
});

Deno.test("formatCount() and formatValue() group digits, or give time, bytes, or the unit's name", () => {
  assertEquals(formatCount(1234567), "1\u2009234\u2009567");
  const units = ["count", "nanoseconds", "milliseconds", "bytes", "objects", "constructor"];
  assertEquals(units.map((unit) => formatValue(1536, unit)), [
    "1\u2009536",
    "1.54 µs",
    "1.54 s",
    "1.50 KiB",
    "1\u2009536 objects",
    "1\u2009536 constructor",
  ]);
});

Deno.test("shortModule() keeps the name of a file", () => {
  assertEquals(["/usr/lib/libc.so.6", "[kernel]", "[kworker/0:1]", "", "/"].map(shortModule), [
    "libc.so.6",
    "[kernel]",
    "[kworker/0:1]",
    "",
    "/",
  ]);
});

Deno.test("formatNumber() has three digits that count, and SI's letters", () => {
  assertEquals([0, 0.0004, 0.0421, 1.366, 99.9, 9999, 12_345, 2.5e6].map(formatNumber), [
    "0",
    "< 0.001",
    "0.042",
    "1.37",
    "99.9",
    "9999",
    "12.3 k",
    "2.50 M",
  ]);
});

Deno.test("formatBytes() counts in powers of 1024", () => {
  assertEquals([0, 1023, 1536, 5 * 2 ** 30].map(formatBytes), ["0 B", "1023 B", "1.50 KiB", "5.00 GiB"]);
});

Deno.test("formatChange() says what is new, has gone, or is many times more", () => {
  const changes = [[1, 1.123], [4, 2], [0, 3], [3, 0], [1, 15], [0, 0], [1, 2], [1, 3.3]] as const;
  assertEquals(changes.map(([a, b]) => formatChange(a, b)), [
    "+12.3 %",
    "−50.0 %",
    "new",
    "gone",
    "× 15.0",
    "0 %",
    "+100 %",
    "+230 %",
  ]);
});

Deno.test("shortName() keeps the end, which says most", () => {
  assertEquals([shortName("abc", 3), shortName("std::vector::push_back", 10)], ["abc", "…push_back"]);
});
