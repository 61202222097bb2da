// SPDX-License-Identifier: Apache-2.0
/**
 * The files and pages that are to be loaded, and which is next.
 *
 * @module
 */

import type { CodeFile } from "../elf/code_file.ts";

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
 * Gives each file its turn: the one that walks missed most, and every other time the one that has waited longest, so
 * that no file with thousands of pages keeps all others from theirs.
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
    const [first] = this.#files;
    if (first === undefined) return undefined;
    const [file, wanted] = this.#turns++ % 2 === 0 ? this.#mostMissed(first) : first;
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

  /** Returns the file that was missed most; where none was, or some as often, the one with the least code. */
  #mostMissed(first: [CodeFile, Wanted]): [CodeFile, Wanted] {
    let most = first;
    for (const entry of this.#files) {
      const more = entry[1].misses - most[1].misses;
      if (more > 0 || (more === 0 && codeBytes(entry[0]) < codeBytes(most[0]))) most = entry;
    }
    return most;
  }
}

/** Returns how much there is to compile, about, in bytes. */
function codeBytes({ elf }: CodeFile): number {
  return elf.segments.reduce((sum, { fileSize, executable }) => sum + (executable ? fileSize : 0), 0);
}
