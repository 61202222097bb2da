// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses pages of large files that nobody has missed yet, but soon will: code that runs together lies together.
 *
 * Each page that is missed costs the stack of a sample, and a sample tells of the pages of one stack alone; so what is
 * missed is found slowly, though to load it is quick. Who waits before it counts uses the time for pages near those.
 *
 * @module
 */

import type { CodeFile } from "../elf/code_file.ts";
import type { PageStore } from "./page_store.ts";
import { PAGE_BYTES } from "./table.ts";
import type { Turn } from "./wanted_pages.ts";

/** A turn takes so many more pages on each side of those that were missed. */
const STEP = 4;
/** No page is so far from one that was missed, in pages: 8 MiB. */
const MAX_DISTANCE = 128;
/** A turn has so many pages at most: others may be missed meanwhile. */
const MAX_PAGES = 64;
/** Most pages have about so many rows, or fewer. */
const USUAL_ROWS = 1500;

interface Missed {
  readonly pages: Set<number>;
  misses: number;
  /** All pages that are so near were given out. */
  distance: number;
  /** These beyond were, too: there were more than a turn has. */
  readonly given: Set<number>;
}

/** Knows the pages that were missed. */
export class ReadAhead {
  readonly #files = new Map<CodeFile, Missed>();

  /** Notes a page that a walk missed. */
  add(file: CodeFile, page: number): void {
    let missed = this.#files.get(file);
    if (missed === undefined) {
      this.#files.set(file, missed = { pages: new Set(), misses: 0, distance: 0, given: new Set() });
    }
    missed.misses++;
    if (missed.pages.has(page)) return;
    missed.pages.add(page);
    // There are other pages near this one.
    missed.distance = 0;
    missed.given.clear();
  }

  /**
   * Returns pages of the file that was missed most for what was given out of it already; `undefined` when there are none,
   * or half of the memory is used.
   *
   * @param options.most the pages of a turn: what is missed meanwhile waits for its end @default {64}
   */
  next(
    store: Pick<PageStore, "has" | "hasRoomFor">,
    { most = MAX_PAGES }: { most?: number } = {},
  ): Turn | undefined {
    for (;;) {
      const best = this.#best();
      if (best === undefined) return undefined;
      const [file, missed] = best;
      const { given } = missed;
      const pages = new Set<number>();
      for (const page of nearPages(file, missed)) {
        if (pages.size === most) break;
        if (!given.has(page) && !store.has(file.id, page)) pages.add(page);
      }
      if (pages.size < most) {
        missed.distance += STEP;
        given.clear();
      } else {
        for (const page of pages) given.add(page);
      }
      if (pages.size === 0) continue;
      return store.hasRoomFor({ rows: pages.size * USUAL_ROWS, pages: pages.size })
        ? { file, pages }
        : undefined;
    }
  }

  clear(): void {
    this.#files.clear();
  }

  #best(): [CodeFile, Missed] | undefined {
    let best: [CodeFile, Missed] | undefined;
    let worth = 0;
    for (const entry of this.#files) {
      const [file, { misses, distance }] = entry;
      const own = distance >= MAX_DISTANCE || file.retired ? 0 : misses / (1 + distance);
      if (own > worth) [best, worth] = [entry, own];
    }
    return best;
  }
}

/** Returns the pages of a file's code that are so far from one that was missed, the nearest first. */
function* nearPages({ elf }: CodeFile, { pages, distance }: Missed): Generator<number> {
  const code = elf.segments.filter(({ executable }) => executable).map(({ address, fileSize }) => ({
    first: Math.floor(address / PAGE_BYTES),
    last: Math.floor((address + fileSize - 1) / PAGE_BYTES),
  }));
  for (let step = distance + 1; step <= distance + STEP; step++) {
    for (const page of pages) {
      for (const near of [page - step, page + step]) {
        if (code.some(({ first, last }) => near >= first && near <= last)) yield near;
      }
    }
  }
}
