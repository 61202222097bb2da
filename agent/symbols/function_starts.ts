// SPDX-License-Identifier: Apache-2.0
/**
 * Knows where functions begin that have no name, by the tables that code is unwound by: so that a function is one, and
 * not another one at each of its addresses.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { type CodeFile, openCopies } from "../elf/code_file.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import { SearchTable } from "../unwind/search_table.ts";

const MAX_FILES = 16_384;
/** Where the functions of one file start, ascending, and end. */
type Functions = ReturnType<SearchTable["ranges"]>;

const NONE: Functions = { starts: new Float64Array(), ends: new Float64Array() };

/** Reads the tables of files, as far as these can be reached. */
export class FunctionStarts {
  /** They are found by {@linkcode CodeFile.serial}. */
  readonly #files: LRUCache<number, Functions>;
  readonly #bytes: number;

  /** @param bytes the tables that are kept may take so many; a file with a larger one goes without */
  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#files = new LRUCache({
      max: MAX_FILES,
      maxSize: bytes,
      sizeCalculation: ({ starts, ends }) => 1 + starts.byteLength + ends.byteLength,
    });
  }

  /** Returns where the function that has `address` begins; `address` itself where none is known to have it. */
  of(file: CodeFile, address: number): number {
    let functions = this.#files.get(file.serial);
    if (functions === undefined) {
      const all = read(file);
      // What is not kept would be read each time.
      functions = 2 * all.starts.byteLength < this.#bytes ? all : NONE;
      this.#files.set(file.serial, functions);
    }
    const { starts, ends } = functions;
    const i = countUpTo(starts, address) - 1;
    return i >= 0 && address < ends[i]! ? starts[i]! : address;
  }

  clear(): void {
    this.#files.clear();
  }
}

function countUpTo(starts: Float64Array, address: number): number {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

function read(file: CodeFile): Functions {
  for (const { file: copy } of openCopies(file)) {
    try {
      return SearchTable.open(copy, file.elf)?.ranges() ?? NONE;
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
    }
  }
  return NONE;
}
