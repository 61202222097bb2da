// SPDX-License-Identifier: Apache-2.0
/**
 * The functions of files: in files of the agent's own that are mapped, or in memory within a budget.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { countedCache } from "../../common/counted_cache.ts";
import { type CodeFile, hasLastingKey, openCopies } from "../elf/code_file.ts";
import { type KeptTablesStats, NO_KEPT_TABLES } from "../elf/kept_files.ts";
import { rootsOf } from "../elf/mapped_file.ts";
import { findDebugFile } from "./debug/debug_files.ts";
import type { DebugInfoLocator, Downloads } from "./debug/debug_info_locator.ts";
import type { Libdw } from "../../symbols/libdw/libdw.ts";
import { readPlt } from "../../symbols/plt.ts";
import { splitParts } from "./split_function.ts";
import { BareStarts } from "../unwind/bare_starts.ts";
import { SearchTable } from "../unwind/search_table.ts";
import { buildSymbolImage, free } from "../../symbols/build_symbol_image.ts";
import { SymbolTable } from "../../symbols/symbol_table.ts";
import type { SymbolFiles } from "./symbol_files.ts";

/** Copies of files that are known to lack symbols; some hundred bytes each. */
const MAX_PARTIAL = 16_384;
/** Windows without a question after which a table above the budget is forgotten. */
const IDLE_WINDOWS = 6;
/** Tables above the budget may have so many times of it, together. */
const LARGE_SHARE = 2;

/** A table that is mapped takes so much: its pages come and go as they are looked at. */
const MAPPED_BYTES = 8192;

/** A table that is kept while it is asked for. */
interface Large {
  readonly table: SymbolTable;
  window: number;
}

export interface SymbolTablesOptions {
  readonly libdw: Libdw;
  /** The symbol tables that are kept may take so much. */
  readonly tableBytes: number;
  /** It is told of files whose debug information may be found now. */
  readonly locator: DebugInfoLocator;
  /** Keeps tables in files. @default they are in memory */
  readonly cache?: SymbolFiles | undefined;
  /** @default what is not here is not asked for elsewhere */
  readonly downloads?: Downloads | undefined;
}

export interface SymbolTablesStats {
  readonly tables: number;
  readonly tableBytes: number;
  /** Files whose symbols were read since the start. */
  readonly opened: number;
  /** Files that could not be read or made no sense. */
  readonly unreadable: number;
  /** Tables of symbols, and of stubs that call other files, that were passed over: for their size, or as damaged. */
  readonly skippedTables: number;
  /** Functions that were left out as a file's names are too long. */
  readonly droppedFunctions: number;
  /** Counts what is kept in files. */
  readonly cache: KeptTablesStats;
}

/** Reads the symbol tables of files and keeps them, by {@linkcode CodeFile.key}. */
export class SymbolTables {
  readonly #libdw: Libdw;
  readonly #locator: DebugInfoLocator;
  readonly #downloads: Downloads | undefined;
  readonly #cache: SymbolFiles | undefined;
  readonly #tables: LRUCache<string, SymbolTable>;
  readonly #tableBytes: number;
  /** Tables above the budget: kept while they are asked for, for to read them in each window is worse. */
  readonly #large = new Map<string, Large>();
  /** Keys of files whose own symbols are not all: another copy, or a download, may have them. */
  readonly #partial = countedCache<string, true>(MAX_PARTIAL);
  /** Identities of copies that were read and do not have all symbols. */
  readonly #stripped = countedCache<string, true>(MAX_PARTIAL);
  readonly #improved = new Set<number>();
  #opened = 0;
  #unreadable = 0;
  #dropped = 0;
  #skippedStubs = 0;
  #window = 0;

  constructor({ libdw, tableBytes, locator, downloads, cache }: SymbolTablesOptions) {
    this.#libdw = libdw;
    this.#cache = cache;
    this.#locator = locator;
    this.#downloads = downloads;
    this.#tableBytes = tableBytes;
    this.#tables = new LRUCache({
      maxSize: tableBytes,
      sizeCalculation: (table) => table.bytes || MAPPED_BYTES,
      dispose: (table) => table[Symbol.dispose](),
    });
  }

  /** Forgets all tables, which are read again as they are asked for. */
  clear(): void {
    this.#tables.clear();
    for (const key of this.#large.keys()) this.#forgetLarge(key);
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  get stats(): SymbolTablesStats {
    return {
      tables: this.#tables.size + this.#large.size,
      tableBytes: this.#tables.calculatedSize +
        [...this.#large.values()].reduce((sum, { table }) => sum + table.bytes, 0),
      opened: this.#opened,
      unreadable: this.#unreadable,
      skippedTables: this.#libdw.skippedTables + this.#skippedStubs,
      droppedFunctions: this.#dropped,
      cache: this.#cache?.stats ?? NO_KEPT_TABLES,
    };
  }

  /** @param files that are known: what was downloaded since may tell more of them */
  endWindow(files: Iterable<CodeFile>): void {
    this.#window++;
    let bytes = 0;
    for (const [key, { table, window }] of [...this.#large].reverse()) {
      bytes += table.bytes;
      const idle = this.#window - window > IDLE_WINDOWS;
      if (idle || bytes > LARGE_SHARE * this.#tableBytes) this.#forgetLarge(key);
    }
    this.#takeDownloads(files);
  }

  /** Returns the serials of the files whose names may be better than those found until now; each is told once. */
  takeImproved(): number[] {
    const improved = [...this.#improved];
    this.#improved.clear();
    return improved;
  }

  /** Tells whether {@linkcode of} need not read the file. */
  has(file: CodeFile): boolean {
    return this.#known(file.key) !== undefined && !this.hasBetterCopy(file);
  }

  /** Tells whether the file lacks symbols, and there is a copy of it that may have them. */
  hasBetterCopy({ key, places }: CodeFile): boolean {
    return this.#partial.has(key) && places.some(({ identity }) => !this.#stripped.has(identity));
  }

  /** Returns the functions of `file` as far as it need not be read: they are known, or in a file of their own. */
  withoutReading(file: CodeFile): SymbolTable | undefined {
    return this.#known(file.key) ?? this.#cached(file);
  }

  /** Returns the functions of `file`; `undefined` when it cannot be reached any more. */
  of(file: CodeFile): SymbolTable | undefined {
    const known = this.#known(file.key);
    if (known && !this.hasBetterCopy(file)) return known;
    const cached = known ? undefined : this.#cached(file);
    if (cached) return cached;
    const table = this.#read(file);
    // Of a better copy that is gone by now, nothing more is to be had.
    if (table === undefined) return known;
    this.#dropped += table.dropped;
    this.#take(file, table);
    return table;
  }

  /** Returns the table that an earlier run made of an equal file, unless there is more to be had by now. */
  #cached(file: CodeFile): SymbolTable | undefined {
    if (!hasLastingKey(file)) return undefined;
    const table = this.#cache?.get(file.key);
    if (table === undefined) return undefined;
    if (!table.whole && this.#hasDebugFile(file)) {
      table[Symbol.dispose]();
      return undefined;
    }
    this.#take(file, table);
    if (!table.whole) { for (const { identity } of file.places) this.#stripped.set(identity, true); }
    return table;
  }

  /** Tells whether a stripped file's separate debug file is here, by its build id. */
  #hasDebugFile({ path, places, elf: { buildId } }: CodeFile): boolean {
    const downloaded = this.#downloads?.pathOf(buildId);
    return places.some((place) =>
      findDebugFile({ path, buildId, roots: rootsOf(place), downloaded }) !== undefined
    );
  }

  #take(file: CodeFile, table: SymbolTable): void {
    this.#keep(file.key, table);
    if (table.whole) {
      if (this.#partial.delete(file.key)) this.#improve(file);
      return;
    }
    this.#partial.set(file.key, true);
    if (!file.elf.truncated) this.#downloads?.want(file.elf.buildId);
  }

  #improve(file: CodeFile): void {
    this.#improved.add(file.serial);
    this.#locator.forget(file);
  }

  /** Forgets of files what debug files may know better that have come. */
  #takeDownloads(files: Iterable<CodeFile>): void {
    const found = new Set<string | undefined>(this.#downloads?.takeFound());
    if (found.size === 0) return;
    for (const file of files) {
      if (!found.has(file.elf.buildId) && !found.has(this.#locator.missingOf(file))) continue;
      this.#tables.delete(file.key);
      this.#forgetLarge(file.key);
      if (hasLastingKey(file)) this.#cache?.delete(file.key);
      this.#improve(file);
    }
  }

  #forgetLarge(key: string): void {
    this.#large.get(key)?.table[Symbol.dispose]();
    this.#large.delete(key);
  }

  #known(key: string): SymbolTable | undefined {
    const table = this.#tables.get(key);
    if (table) return table;
    const large = this.#large.get(key);
    if (large) large.window = this.#window;
    return large?.table;
  }

  #keep(key: string, table: SymbolTable): void {
    this.#tables.delete(key);
    this.#forgetLarge(key);
    if (table.bytes > this.#tableBytes / 2) this.#large.set(key, { table, window: this.#window });
    else this.#tables.set(key, table);
  }

  /** Reads the copy that was mapped last, of those that may have more symbols than is known where there are such. */
  #read(file: CodeFile): SymbolTable | undefined {
    const { path: name, elf: { buildId, truncated } } = file;
    if (truncated) return SymbolTable.build({ tables: [] });
    const better = this.hasBetterCopy(file);
    for (const { file: copy, path, place } of openCopies(file)) {
      if (better && this.#stripped.has(place.identity)) continue;
      const plt = readPlt(copy);
      this.#opened++;
      const roots = rootsOf(place);
      const downloaded = this.#downloads?.pathOf(buildId);
      try {
        const frames = SearchTable.open(copy, file.elf);
        const tables = this.#libdw.fileSymbols(path, {
          name,
          findDebugFile: (link) => findDebugFile({ path: name, buildId, roots, downloaded }, link),
        });
        this.#skippedStubs += plt.skipped;
        const bare = new BareStarts(copy, file.elf, frames);
        const image = buildSymbolImage({
          consumes: true,
          ...{ tables, stubs: [...plt.stubs, ...splitParts(copy, { elf: file.elf, tables, frames })] },
          startAfter: (address) =>
            Math.min(frames?.startAfter(address) ?? Infinity, bare.startAfter(address)),
        });
        for (const { symbols, strings } of tables) free(symbols, strings);
        const table = this.#store(file, image);
        if (!table.whole) this.#stripped.set(place.identity, true);
        return table;
      } catch {
        this.#unreadable++;
      }
    }
    // Else a copy that cannot be reached would be looked for again and again.
    for (const { identity } of better ? file.places : []) this.#stripped.set(identity, true);
    return undefined;
  }

  /** Puts an image into a file, else keeps it in memory. */
  #store(file: CodeFile, image: Uint8Array<ArrayBuffer>): SymbolTable {
    const stored = hasLastingKey(file) ? this.#cache?.put(file.key, image) : this.#cache?.putUnnamed(image);
    if (stored === undefined) return SymbolTable.inMemory(image)!;
    free(image);
    return stored;
  }
}
