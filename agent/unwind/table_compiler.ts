// SPDX-License-Identifier: Apache-2.0
/**
 * The unwind tables of files: each is compiled when it is wanted, as a whole or by pages.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { LRUCache } from "lru-cache";
import type { CodeFile } from "../elf/code_file.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import type { Compiled } from "./compile.ts";
import { EM_X86_64 } from "./frame_sections.ts";
import type { PageStore } from "./page_store.ts";
import { pagesOf, range, runsOf, withNeighbours } from "./page_runs.ts";
import { tableBytes, type UnwindTable } from "./table.ts";
import { type Downloads, type OpenInfo, UnwindInfos } from "./unwind_infos.ts";

const logger = getLogger(["aperture", "unwind"]);

/** A file with more functions is compiled page by page, as they are missed: a third of a second of work, at most. */
const WHOLE_FUNCTIONS = 16_384;
/** A file with more rows than that, 8 MiB, is not loaded whole, though it has to be compiled whole. */
const WHOLE_ROWS = 2 << 20;

/** Most pages have about so many rows, or fewer. */
const USUAL_ROWS = 1500;

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
}

export interface TableCompilerOptions {
  /** For tables that are not loaded whole and have no pages of their own. @default {16 MiB} */
  readonly cacheBytes?: number;
  /** Knows debug files that were downloaded. @default none */
  readonly downloads?: Downloads | undefined;
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
  #compiled = 0;
  #compiledPages = 0;
  #failed = 0;
  #compileMs = 0;

  constructor({ cacheBytes = 16 << 20, downloads }: TableCompilerOptions = {}) {
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
   * Compiles `wanted` pages of a file: these, and those beside them, where the file is large and they can be, else all of
   * the file's where the store has room for them.
   *
   * @returns nothing when the file cannot be read, now or any more, or has not one rule, as {@linkcode isTableless}
   * then tells
   */
  async *compile(
    file: CodeFile,
    { wanted, store, signal, hurried = false }: {
      wanted: ReadonlySet<number>;
      store: Pick<PageStore, "has" | "hasRoomFor">;
      signal: AbortSignal;
      /** Other files wait: nothing is compiled that nobody has missed. @default {false} */
      hurried?: boolean;
    },
  ): AsyncGenerator<CompiledPages> {
    const known = this.#tables.get(file.serial);
    if (known) return yield { table: known, pages: wanted };
    using opened = this.#infos.open(file);
    if (opened === undefined) this.#failed++;
    else yield* this.#compile(file, { opened, wanted, store, signal, hurried });
  }

  async *#compile(
    file: CodeFile,
    { opened, wanted, store, signal, hurried }: {
      opened: OpenInfo;
      wanted: ReadonlySet<number>;
      store: Pick<PageStore, "has" | "hasRoomFor">;
      signal: AbortSignal;
      hurried: boolean;
    },
  ): AsyncGenerator<CompiledPages> {
    const { info } = opened;
    const { searchable } = info ?? {};
    const alone = this.#whole.has(file) || this.#byPages.has(file);
    if (info && searchable && (searchable > WHOLE_FUNCTIONS || alone)) {
      opened.keep();
      for (const [first, last] of runsOf(hurried ? wanted : this.#withNear(file, wanted, store))) {
        const table = await this.#timed(file, info.compilePages(first, last, { signal }));
        this.#compiledPages++;
        yield { table, pages: range(first, last) };
      }
      return;
    }
    const table = info ? await this.#timed(file, info.compile({ signal })) : EMPTY;
    this.#compiled++;
    if (table.pages.length === 0) this.#tableless.add(file);
    const { length } = table.rows;
    if (info === undefined || table.pages.length === 0) return;
    const pages = pagesOf(info.code, table);
    const fits = length <= WHOLE_ROWS && store.hasRoomFor({ rows: length, pages: pages.size });
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
    store: Pick<PageStore, "has" | "hasRoomFor">,
  ): ReadonlySet<number> {
    const near = new Set([...withNeighbours(wanted)].filter((page) => !store.has(file.id, page)));
    return store.hasRoomFor({ rows: near.size * USUAL_ROWS, pages: near.size }) ? near : wanted;
  }

  /** Returns what was compiled, or nothing for a file that is damaged. */
  async #timed(file: CodeFile, compiling: Promise<Compiled>): Promise<UnwindTable> {
    const begin = performance.now();
    try {
      const { table, losses } = await compiling;
      const { path } = file;
      logger.debug("Compiled {path}: {rows} rows, losses {losses}", {
        path,
        rows: table.rows.length,
        losses: Object.fromEntries(losses),
      });
      return table;
    } catch (error) {
      return noTable(file, error);
    } finally {
      this.#compileMs += performance.now() - begin;
    }
  }
}

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
