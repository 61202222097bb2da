// SPDX-License-Identifier: Apache-2.0
/**
 * The files and pages that are to be loaded, and which is next.
 *
 * @module
 */

import type { CodeFile } from "../elf/code_file.ts";
import { PAGE_BYTES } from "./table.ts";

/**
 * So many pages of a file are loaded in one turn; in a file that is compiled page by page that takes some tens of
 * milliseconds, and most processes that end soon are there as long.
 */
const TURN_PAGES = 32;

interface Wanted {
  /** The pages that walks missed; none where the file is only likely to be wanted. Counts how often each was. */
  readonly pages: Map<number, number>;
  /** All counts. */
  misses: number;
}

/** One turn: the pages may be none. */
export interface Turn {
  readonly file: CodeFile;
  readonly pages: ReadonlySet<number>;
}

/**
 * Gives each file its turn: the one that walks missed most for what it takes to compile, so that a small program which
 * ends soon is not behind a library; and every other time the missed one that has waited longest, so that small ones do
 * not keep a large one from its turn either. What is only likely to be wanted comes after all of these.
 */
export class WantedPages {
  /** In the order in which they began to wait. */
  readonly #files = new Map<CodeFile, Wanted>();
  #turns = 0;

  get size(): number {
    return this.#files.size;
  }

  files(): IterableIterator<CodeFile> {
    return this.#files.keys();
  }

  /** Notes a file that is likely to be wanted. */
  expect(file: CodeFile): void {
    this.#of(file);
  }

  /** Notes a page that a walk missed. */
  add(file: CodeFile, page: number): void {
    const wanted = this.#of(file);
    wanted.pages.set(page, (wanted.pages.get(page) ?? 0) + 1);
    wanted.misses++;
  }

  /** Takes the next turn out; `undefined` when nothing is wanted. */
  take(): Turn | undefined {
    const next = this.#next();
    if (next === undefined) return undefined;
    const [file, wanted] = next;
    this.#files.delete(file);
    if (wanted.pages.size <= TURN_PAGES) return { file, pages: new Set(wanted.pages.keys()) };
    const sorted = [...wanted.pages].sort(([, a], [, b]) => b - a);
    const pages = new Set(sorted.slice(0, TURN_PAGES).map(([page]) => page));
    for (const page of pages) {
      wanted.misses -= wanted.pages.get(page)!;
      wanted.pages.delete(page);
    }
    // Behind those that wait.
    this.#files.set(file, wanted);
    return { file, pages };
  }

  #of(file: CodeFile): Wanted {
    let wanted = this.#files.get(file);
    if (wanted === undefined) this.#files.set(file, wanted = { pages: new Map(), misses: 0 });
    return wanted;
  }

  #next(): [CodeFile, Wanted] | undefined {
    const isTurnOfOldest = this.#turns++ % 2 === 1;
    let best: [CodeFile, Wanted] | undefined;
    let worth = -Infinity;
    for (const entry of this.#files) {
      if (isTurnOfOldest && entry[1].misses > 0) return entry;
      const own = worthOf(entry);
      if (own > worth) [best, worth] = [entry, own];
    }
    return best;
  }
}

/** Returns misses for each byte to compile, of one turn; less than 0 where there were none, and the less the more code there is. */
function worthOf([file, { pages, misses }]: [CodeFile, Wanted]): number {
  const bytes = codeBytes(file);
  if (misses === 0) return -bytes;
  const turn = Math.min(pages.size, TURN_PAGES);
  return misses * turn / pages.size / (1 + Math.min(bytes, turn * PAGE_BYTES));
}

/** Returns how much there is to compile, about, in bytes. */
function codeBytes({ elf }: CodeFile): number {
  return elf.segments.reduce((sum, { fileSize, executable }) => sum + (executable ? fileSize : 0), 0);
}
