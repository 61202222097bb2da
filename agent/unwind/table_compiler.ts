// SPDX-License-Identifier: Apache-2.0
/**
 * The unwind tables of files: each is compiled when it is wanted, as a whole or by pages.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { LRUCache } from "lru-cache";
import { type CodeFile, hasLastingKey } from "../elf/code_file.ts";
import { type KeptTablesStats, NO_KEPT_TABLES } from "../elf/kept_files.ts";
import { VDSO } from "../elf/vdso_image.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import type { Compiled } from "./compile.ts";
import { EM_X86_64 } from "./frame_sections.ts";
import type { PageStore } from "./page_store.ts";
import { pagesOf, range, runsOf, withNeighbours } from "./page_runs.ts";
import { tableBytes, type UnwindTable } from "./table.ts";
import type { StoredTable, TableFiles } from "./table_files.ts";
import { type Downloads, type OpenInfo, UnwindInfos } from "./unwind_infos.ts";

const logger = getLogger(["aperture", "unwind"]);

/** A file with more functions is compiled page by page, as they are missed: a third of a second of work, at most. */
const WHOLE_FUNCTIONS = 16_384;
/** A file with more rows than that, 8 MiB, is not loaded whole, though it has to be compiled whole. */
const WHOLE_ROWS = 2 << 20;

/** Most pages have about so many rows, or fewer. */
const USUAL_ROWS = 1500;

/** A file of fewer rows is compiled again as quickly as it is read, unless that took so long, in ms. */
const STORED_ROWS = 1024;
const STORED_MS = 5;

/** Some pages of a file, in a table that has all rows of theirs. */
export interface CompiledPages {
  readonly table: UnwindTable;
  readonly pages: Iterable<number>;
}

export interface CompilerStats {
  /** Files compiled whole since the start. */
  readonly compiled: number;
  /** Runs of pages that were compiled alone since the start. */
  readonly compiledPages: number;
  /** Files that could not be reached any more. */
  readonly failed: number;
  /** Time spent on compiling, in ms. */
  readonly compileMs: number;
  /** The size of the tables that are kept for pages to come, as they cannot be compiled alone, in bytes. */
  readonly tableBytes: number;
  /** What is kept in files. */
  readonly kept: KeptTablesStats;
}

/** Knows what the kernel has, and has room for. */
export type Room = Pick<PageStore, "has" | "hasRoomFor">;

export interface TableCompilerOptions {
  /** For tables that are not loaded whole and have no pages of their own. @default {16 MiB} */
  readonly cacheBytes?: number;
  /** Knows debug files that were downloaded. @default none */
  readonly downloads?: Downloads | undefined;
  /** Keeps what was compiled for the next run. @default it is compiled again */
  readonly kept?: TableFiles | undefined;
}

/** Compiles the tables of files. */
export class TableCompiler {
  /** Tables are found by {@linkcode CodeFile.serial}. */
  readonly #tables: LRUCache<number, UnwindTable>;
  readonly #infos: UnwindInfos;
  /** Files that were compiled and loaded whole; pages of theirs that were given up since come back alone. */
  readonly #whole = new WeakSet<CodeFile>();
  /** Files that found no room as a whole: to compile all of one for each page that is missed is work for nothing. */
  readonly #byPages = new WeakSet<CodeFile>();
  /** Files that were compiled and have not one rule. */
  readonly #tableless = new WeakSet<CodeFile>();
  readonly #kept: TableFiles | undefined;
  /** The keys under which tables are kept. */
  readonly #keys = new WeakMap<CodeFile, string>();
  /** Files of which the pages were given out that walks missed lately. */
  readonly #warmed = new WeakSet<CodeFile>();
  #compiled = 0;
  #compiledPages = 0;
  #failed = 0;
  #compileMs = 0;

  constructor({ cacheBytes = 16 << 20, downloads, kept }: TableCompilerOptions = {}) {
    this.#kept = kept;
    this.#infos = new UnwindInfos(downloads);
    this.#tables = new LRUCache({ maxSize: cacheBytes, sizeCalculation: (table) => 1 + tableBytes(table) });
  }

  get stats(): CompilerStats {
    return {
      compiled: this.#compiled,
      compiledPages: this.#compiledPages,
      failed: this.#failed,
      compileMs: this.#compileMs,
      tableBytes: this.#tables.calculatedSize,
      kept: this.#kept?.stats ?? NO_KEPT_TABLES,
    };
  }

  /** Tells whether a file is known to have no rule: it was compiled, or is of another machine. */
  isTableless(file: CodeFile): boolean {
    const { machine, bits } = file.elf;
    return machine !== EM_X86_64 || bits !== 64 || this.#tableless.has(file);
  }

  /** Tells whether all pages of the file were given out at once, so that none is worth to be asked for in advance. */
  isWhole(file: CodeFile): boolean {
    return this.#whole.has(file);
  }

  /**
   * Is told that nobody used a file for long, and its pages are given up: it is a new one from here on, of which more comes
   * along with the first page.
   */
  forget(file: CodeFile): void {
    this.#tables.delete(file.serial);
    this.#whole.delete(file);
    this.#byPages.delete(file);
    this.#warmed.delete(file);
  }

  /**
   * Compiles `wanted` pages of a file, or takes what an earlier run has compiled: these, and those beside them, where the
   * file is large and they can be, else all of the file's where the store has room for them.
   *
   * @returns nothing when the file cannot be read, now or any more, or has not one rule, as {@linkcode isTableless}
   * then tells
   */
  async *compile(
    file: CodeFile,
    { wanted, store, signal, hurried = false, ahead = false }: {
      wanted: ReadonlySet<number>;
      store: Room;
      signal: AbortSignal;
      /** Other files wait: nothing is compiled that nobody has missed. @default {false} */
      hurried?: boolean;
      /** Nobody has missed those that are wanted either. @default {false} */
      ahead?: boolean;
    },
  ): AsyncGenerator<CompiledPages> {
    const known = this.#tables.get(file.serial);
    if (known) return yield { table: known, pages: wanted };
    const stored = this.#storedOf(file);
    const missed = ahead ? NONE : wanted;
    if (stored && stored.size > 0) {
      yield* this.#take(file, { stored, wanted, missed, store });
      if (this.#tableless.has(file)) return;
      // What turned out to be damaged has no pages any more.
      if (stored.size > 0 && wanted.values().every((page) => stored.has(page))) return;
    }
    using opened = this.#infos.open(file);
    if (opened === undefined) this.#failed++;
    else yield* this.#compile(file, { opened, stored, wanted, missed, store, signal, hurried });
  }

  /** Returns what is kept of a file; `undefined` of one that may become another one under the same key. */
  #storedOf(file: CodeFile): StoredTable | undefined {
    if (!this.#kept || !hasLastingKey(file) || file.path === VDSO) return undefined;
    let key = this.#keys.get(file);
    if (key === undefined) this.#keys.set(file, key = `${file.key} ${this.#infos.debugIdentity(file)}`);
    return this.#kept.of(key);
  }

  /** Gives of what is stored the pages that are wanted, then those that walks missed lately. */
  *#take(
    file: CodeFile,
    { stored, wanted, missed, store }: {
      stored: StoredTable;
      wanted: ReadonlySet<number>;
      missed: ReadonlySet<number>;
      store: Room;
    },
  ): Generator<CompiledPages> {
    if (stored.isWhole && !this.#isByPages(file)) {
      const whole = stored.readWhole();
      if (whole) yield* this.#giveWhole(file, { ...whole, wanted, store, searchable: true });
      return;
    }
    if (!stored.isWhole) stored.note(missed);
    yield* stored.read(wanted);
    if (this.#warmed.has(file)) return;
    this.#warmed.add(file);
    const before = stored.missed.values().filter((page) => !wanted.has(page) && !store.has(file.id, page));
    for (const { table, pages } of stored.read([...before])) {
      if (!store.hasRoomFor({ rows: table.rows.length, pages: pages.length })) return;
      yield { table, pages };
    }
  }

  async *#compile(
    file: CodeFile,
    { opened, stored, wanted, missed, store, signal, hurried }: {
      opened: OpenInfo;
      stored: StoredTable | undefined;
      wanted: ReadonlySet<number>;
      missed: ReadonlySet<number>;
      store: Room;
      signal: AbortSignal;
      hurried: boolean;
    },
  ): AsyncGenerator<CompiledPages> {
    const { info } = opened;
    const { searchable } = info ?? {};
    if (info && searchable && (searchable > WHOLE_FUNCTIONS || this.#isByPages(file))) {
      opened.keep();
      if (!stored?.isWhole) stored?.note(missed);
      const near = hurried ? wanted : this.#withNear(file, wanted, store);
      for (const [first, last] of runsOf(new Set(near.values().filter((page) => !stored?.has(page))))) {
        const { table } = await this.#timed(file, info.compilePages(first, last, { signal }));
        this.#compiledPages++;
        const pages = [...range(first, last)];
        stored?.add({ table, pages });
        yield { table, pages };
      }
      return;
    }
    const { table, ms } = info ? await this.#timed(file, info.compile({ signal })) : { table: EMPTY, ms: 0 };
    this.#compiled++;
    const pages = [...info && table.pages.length > 0 ? pagesOf(info.code, table) : []];
    if (info && (table.rows.length >= STORED_ROWS || ms >= STORED_MS)) {
      stored?.add({ table, pages }, { whole: true });
    }
    yield* this.#giveWhole(file, { table, pages, wanted, store, searchable: searchable !== undefined });
  }

  /** Tells whether pages of the file are loaded alone: those that were given up, or for which there was no room. */
  #isByPages(file: CodeFile): boolean {
    return this.#whole.has(file) || this.#byPages.has(file);
  }

  /** Gives all `pages` of a file, where there is room for them and that was not done before. */
  *#giveWhole(
    file: CodeFile,
    { table, pages, wanted, store, searchable }: {
      table: UnwindTable;
      pages: readonly number[];
      wanted: ReadonlySet<number>;
      store: Room;
      /** Pages of it can be had alone. */
      searchable: boolean;
    },
  ): Generator<CompiledPages> {
    if (table.pages.length === 0) {
      this.#tableless.add(file);
      return;
    }
    const { length } = table.rows;
    const fits = length <= WHOLE_ROWS && store.hasRoomFor({ rows: length, pages: pages.length });
    if (this.#whole.has(file) || !fits) {
      if (searchable) this.#byPages.add(file);
      else this.#tables.set(file.serial, table);
      return yield { table, pages: wanted };
    }
    this.#whole.add(file);
    yield { table, pages };
  }

  /** Returns pages with those beside them that the store has not, where it has room for these. */
  #withNear(
    file: CodeFile,
    wanted: ReadonlySet<number>,
    store: Room,
  ): ReadonlySet<number> {
    const near = new Set([...withNeighbours(wanted)].filter((page) => !store.has(file.id, page)));
    return store.hasRoomFor({ rows: near.size * USUAL_ROWS, pages: near.size }) ? near : wanted;
  }

  /** Returns what was compiled, or nothing for a file that is damaged. */
  async #timed(file: CodeFile, compiling: Promise<Compiled>): Promise<{ table: UnwindTable; ms: number }> {
    const begin = performance.now();
    try {
      const { table, losses } = await compiling;
      const { path } = file;
      logger.debug("Compiled {path}: {rows} rows, losses {losses}", {
        path,
        rows: table.rows.length,
        losses: Object.fromEntries(losses),
      });
      return { table, ms: performance.now() - begin };
    } catch (error) {
      return { table: noTable(file, error), ms: 0 };
    } finally {
      this.#compileMs += performance.now() - begin;
    }
  }
}

const NONE: ReadonlySet<number> = new Set();

const EMPTY: UnwindTable = {
  rows: new Uint32Array(0),
  pages: new Uint32Array(0),
  first: Uint32Array.of(0),
  rules: new Int32Array(0),
};

function noTable({ path }: CodeFile, error: unknown): UnwindTable {
  if (!(error instanceof ElfError)) throw error;
  logger.debug("No unwind table of {path}: {error}", { path, error });
  return EMPTY;
}
