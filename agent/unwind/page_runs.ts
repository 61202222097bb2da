// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the pages of a file's code, and those of them that lie next to each other.
 *
 * @module
 */

import type { CodeRange } from "./code_range.ts";
import { PAGE_BYTES, type UnwindTable } from "./table.ts";

/** Returns the pages of all code of a file, those without rules, too: then no sample misses one. */
export function pagesOf(code: readonly CodeRange[], table: UnwindTable): Set<number> {
  const pages = new Set<number>(table.pages);
  for (const { address, size } of code) {
    const last = Math.floor((address + size - 1) / PAGE_BYTES);
    for (const page of range(Math.floor(address / PAGE_BYTES), last)) pages.add(page);
  }
  return pages;
}

/**
 * Returns pages with those beside them, in blocks of 256 KiB of code: what is called next is often near, and a sample
 * that misses its page is cut.
 */
export function withNeighbours(pages: ReadonlySet<number>): Set<number> {
  const all = new Set<number>();
  for (const page of pages) {
    const first = page - page % BLOCK_PAGES;
    for (const one of range(first, first + BLOCK_PAGES - 1)) all.add(one);
  }
  return all;
}

const BLOCK_PAGES = 4;

/** Returns adjacent pages, as first and last. */
export function runsOf(pages: ReadonlySet<number>): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const page of [...pages].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run?.[1] === page - 1) run[1] = page;
    else runs.push([page, page]);
  }
  return runs;
}

/** Yields the numbers from `first` to `last`. */
export function* range(first: number, last: number): Generator<number> {
  for (let page = first; page <= last; page++) yield page;
}
