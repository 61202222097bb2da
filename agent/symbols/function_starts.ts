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
/** The functions of one file, in few bytes: there may be half a million. */
interface Functions {
  /** The first one starts here, and all within 4 GiB. */
  readonly first: number;
  /** They start so far from there, ascending, and are so long. */
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
}

/** A function takes so many bytes. */
const FUNCTION_BYTES = 8;
/** One file may take this part of all that is kept: two that do not fit beside each other would be read time and again. */
const KEPT_SHARE = 1 / 16;
/** There are more than are kept. */
const LARGE = "large";

const NONE: Functions = { first: 0, offsets: new Uint32Array(), lengths: new Uint32Array() };

/** Reads the tables of files, as far as these can be reached. */
export class FunctionStarts {
  /** They are found by {@linkcode CodeFile.serial}. */
  readonly #files: LRUCache<number, Functions | typeof LARGE>;
  readonly #bytes: number;

  /** @param bytes the tables that are kept may take so many; a larger one is searched where it is, in the file */
  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#files = new LRUCache({
      max: MAX_FILES,
      maxSize: bytes,
      sizeCalculation: (functions) =>
        functions === LARGE ? 1 : 1 + functions.offsets.byteLength + functions.lengths.byteLength,
    });
  }

  /** Returns where the function that has `address` begins; `address` itself where none is known to have it. */
  of(file: CodeFile, address: number): number {
    let functions = this.#files.get(file.serial);
    if (functions === undefined) {
      functions = read(file, this.#bytes * KEPT_SHARE);
      this.#files.set(file.serial, functions);
    }
    if (functions === LARGE) return search(file, address);
    const { first, offsets, lengths } = functions;
    const at = address - first;
    const i = countUpTo(offsets, at) - 1;
    return i >= 0 && at < offsets[i]! + lengths[i]! ? first + offsets[i]! : address;
  }

  clear(): void {
    this.#files.clear();
  }
}

function countUpTo(offsets: Uint32Array, offset: number): number {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsets[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function read(file: CodeFile, maxBytes: number): Functions | typeof LARGE {
  const functions = inTable(
    file,
    (table) => table.count * FUNCTION_BYTES > maxBytes ? LARGE : compact(table.ranges()),
  );
  return functions ?? NONE;
}

/** Searches the file itself, by some twenty reads: to read all of a large one takes tenths of a second and its memory. */
function search(file: CodeFile, address: number): number {
  return inTable(file, (table) => table.rangeAt(address))?.address ?? address;
}

/** Returns what `look` finds in the table of the first copy of a file that is not damaged; `undefined` without one. */
function inTable<Found>(file: CodeFile, look: (table: SearchTable) => Found): Found | undefined {
  for (const { file: copy } of openCopies(file)) {
    try {
      const table = SearchTable.open(copy, file.elf);
      return table && look(table);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
    }
  }
  return undefined;
}

function compact({ starts, ends }: ReturnType<SearchTable["ranges"]>): Functions {
  const first = starts[0];
  if (first === undefined || starts.at(-1)! - first >= 2 ** 32) return NONE;
  const functions = {
    first,
    offsets: new Uint32Array(starts.length),
    lengths: new Uint32Array(starts.length),
  };
  for (let i = 0; i < starts.length; i++) {
    functions.offsets[i] = starts[i]! - first;
    functions.lengths[i] = Math.min(2 ** 32 - 1, ends[i]! - starts[i]!);
  }
  return functions;
}
