// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { pagesOf, range, runsOf, withNeighbours } from "./page_runs.ts";

Deno.test("runsOf() gives each page once, in as few runs as there can be", () => {
  fc.assert(fc.property(fc.uniqueArray(fc.nat(50)), (pages) => {
    const runs = runsOf(new Set(pages));
    assertEquals(runs.flatMap(([first, last]) => [...range(first, last)]), pages.toSorted((a, b) => a - b));
    for (let i = 1; i < runs.length; i++) assertEquals(runs[i]![0] > runs[i - 1]![1] + 1, true);
  }));
});

Deno.test("pagesOf() has the pages of all code, and those of the table", () => {
  const table = {
    rows: new Uint32Array(),
    pages: Uint32Array.of(9),
    first: Uint32Array.of(0, 0),
    rules: new Int32Array(),
  };
  const pages = (address: number, size: number) => [...pagesOf([{ address, size }], table)];
  assertEquals(pages(0x1ffff, 1), [9, 1]);
  assertEquals(pages(0x1ffff, 2), [9, 1, 2]);
  assertEquals(pages(0x10000, 0x20000), [9, 1, 2]);
});

Deno.test("withNeighbours() has all pages of the blocks that some pages are in", () => {
  assertEquals([...withNeighbours(new Set([5, 9, 6]))], [4, 5, 6, 7, 8, 9, 10, 11]);
});
