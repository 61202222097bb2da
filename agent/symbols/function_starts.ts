// SPDX-License-Identifier: Apache-2.0
/**
 * Knows where functions begin that have no name, by the tables that code is unwound by, else by the code itself: so that
 * a function is one, and not another one at each of its addresses.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { type CodeFile, openCopies } from "../elf/code_file.ts";
import { CodeSource } from "../elf/code_source.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import { lowerBound } from "../../symbols/ranges.ts";
import { type BarePiece, BareStarts } from "../unwind/bare_starts.ts";
import { contains } from "../unwind/code_range.ts";
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
/** So many files of those that are searched are open at once, until the end of a window. */
const MAX_OPEN = 8;
/** Code that no table tells of has this part of all that is kept. */
const BARE_SHARE = 1 / 4;
/** So many pieces of such code are kept of one file. */
const MAX_PIECES = 4096;
/** A piece takes so many bytes beside its functions. */
const PIECE_BYTES = 100;
/** What is kept of the table of a file that is searched, for each function, about. */
const SEARCHED_BYTES = 1 / 16;

/** A file that has more functions than are kept, and what is known of its table. */
interface Searched {
  readonly source: CodeSource;
  readonly functions: number;
  table?: SearchTable | undefined;
}

const NONE: Functions = { first: 0, offsets: new Uint32Array(), lengths: new Uint32Array() };

/** Reads the tables of files, as far as these can be reached. */
export class FunctionStarts implements Disposable {
  /** They are found by {@linkcode CodeFile.serial}. */
  readonly #files: LRUCache<number, Functions | Searched>;
  readonly #bytes: number;
  /** Pieces of code that no table tells of, by the serials of their files. */
  readonly #bare: LRUCache<number, readonly BarePiece[]>;
  /** These are open, the first for longest. */
  readonly #open = new Set<CodeSource>();

  /** @param bytes the tables that are kept may take so many; a larger one is searched where it is, in the file */
  constructor(bytes: number) {
    const bareBytes = Math.ceil(bytes * BARE_SHARE);
    this.#bytes = bytes - bareBytes;
    this.#bare = new LRUCache({
      max: MAX_FILES,
      maxSize: bareBytes,
      sizeCalculation: (pieces) =>
        pieces.reduce((sum, { starts }) => sum + PIECE_BYTES + starts.byteLength, 1),
    });
    this.#files = new LRUCache({
      max: MAX_FILES,
      maxSize: this.#bytes,
      sizeCalculation: (file) =>
        "source" in file
          ? Math.ceil(1 + file.functions * SEARCHED_BYTES)
          : 1 + file.offsets.byteLength + file.lengths.byteLength,
    });
  }

  /** Tells whether {@linkcode of} need not read the file's table. */
  has(file: CodeFile): boolean {
    return this.#files.has(file.serial);
  }

  /** Returns where the function that has `address` begins; `address` itself where none is known to have it. */
  of(file: CodeFile, address: number): number {
    let known = this.#files.get(file.serial);
    if (known === undefined) {
      known = read(file, this.#bytes * KEPT_SHARE);
      this.#files.set(file.serial, known);
    }
    if ("source" in known) return this.#search(file, known, address);
    const { first, offsets, lengths } = known;
    const at = address - first;
    const i = countUpTo(offsets, at) - 1;
    return i >= 0 && at < offsets[i]! + lengths[i]! ? first + offsets[i]! : this.#bareStart(file, address);
  }

  /** Call after the addresses of a window: nothing is open from one to the next. */
  endWindow(): void {
    for (const source of this.#open) source[Symbol.dispose]();
    this.#open.clear();
  }

  clear(): void {
    this.#files.clear();
    this.#bare.clear();
    this.endWindow();
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  /** Searches the file itself, by some reads: to read all of a large one takes tenths of a second and its memory. */
  #search(file: CodeFile, searched: Searched, address: number): number {
    if (!this.#opened(searched.source)) return address;
    try {
      searched.table ??= SearchTable.open(searched.source, file.elf);
      return searched.table?.rangeAt(address)?.address ?? this.#bareStart(file, address);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      return address;
    }
  }

  /** Returns where the function begins that has `address`, which no table has, as far as its code tells. */
  #bareStart(file: CodeFile, address: number): number {
    const pieces = this.#bare.get(file.serial) ?? [];
    let piece = pieces.find((piece) => contains(piece, address));
    if (piece === undefined) {
      piece = readPiece(file, address);
      if (piece === undefined) return address;
      this.#bare.set(file.serial, [...pieces.slice(1 - MAX_PIECES), piece]);
    }
    return piece.starts[lowerBound(piece.starts, address + 1) - 1] ?? address;
  }

  /** Tells whether a file is open: as good as all addresses of a window are in a few of them. */
  #opened(source: CodeSource): boolean {
    if (this.#open.has(source)) return true;
    if (!source.open()) return false;
    const [oldest] = this.#open;
    if (this.#open.size >= MAX_OPEN && oldest) {
      this.#open.delete(oldest);
      oldest[Symbol.dispose]();
    }
    this.#open.add(source);
    return true;
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

function read(file: CodeFile, maxBytes: number): Functions | Searched {
  for (const { file: copy } of openCopies(file)) {
    try {
      const table = SearchTable.open(copy, file.elf);
      if (table === undefined) return NONE;
      if (table.count * FUNCTION_BYTES <= maxBytes) return compact(table.ranges());
      return { source: new CodeSource(file), functions: table.count };
    } catch (error) {
      // The next one may be whole.
      if (!(error instanceof ElfError)) throw error;
    }
  }
  return NONE;
}

function readPiece(file: CodeFile, address: number): BarePiece | undefined {
  for (const { file: copy } of openCopies(file)) {
    try {
      return new BareStarts(copy, file.elf, SearchTable.open(copy, file.elf)).pieceAt(address);
    } catch (error) {
      // The next one may be whole.
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
