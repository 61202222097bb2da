/**
 * The files that processes have mapped to run: which are the same, and their unwind tables.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { LRUCache } from "lru-cache";
import type { Mapping } from "../metadata/maps.ts";
import { readVdsoImage } from "../elf/vdso_image.ts";
import {
  addressOf,
  type ByteSource,
  ElfError,
  type ElfInfo,
  memorySource,
  readElf,
  type Segment,
} from "../elf/elf.ts";
import { type MappedFile, openMapped } from "../symbols/modules.ts";
import type { RegularFile } from "../elf/regular_file.ts";
import { type Compiled, UnwindInfo } from "./compile.ts";
import { EM_X86_64 } from "./frame_sections.ts";
import type { PageStore } from "./page_store.ts";
import { pagesOf, range, runsOf } from "./page_runs.ts";
import { tableBytes, type UnwindTable } from "./table.ts";

const logger = getLogger(["aperture", "unwind"]);

const NO_CODE = "no code";
const VDSO = "[vdso]";
/** How many ways to a file are kept: one of those processes should still run. */
const MAX_PLACES = 4;
const MAX_FILES = 16_384;
/** A file with more functions is compiled page by page, as they are missed: a third of a second of work, at most. */
const WHOLE_FUNCTIONS = 16_384;
/** A file with more rows than that, 8 MiB, is not loaded whole, though it has to be compiled whole. */
const WHOLE_ROWS = 2 << 20;

/** A file as the kernel knows it. Equal files, by their build id, are one, wherever they are. */
export interface CodeFile {
  /** From 1 on; in the kernel 0 is code without a file. */
  readonly id: number;
  /** What it is told apart by, see {@linkcode fileKey}. */
  readonly key: string;
  /** As the first process that had it named it. */
  readonly path: string;
  readonly segments: readonly Segment[];
  /** Where it can be read, the latest last. */
  readonly places: MappedFile[];
  /** It was compiled and has not one rule: as good as no file. */
  tableless: boolean;
}

/** Some pages of a file, in a table that has all rows of theirs. */
export interface CompiledPages {
  readonly table: UnwindTable;
  readonly pages: Iterable<number>;
}

export interface FileStats {
  readonly files: number;
  /** Files compiled whole since the start. */
  readonly compiled: number;
  /** Runs of pages that were compiled alone since the start. */
  readonly compiledPages: number;
  /** Files that could not be compiled, or not be reached any more. */
  readonly failed: number;
  /** Time spent on compiling, in ms. */
  readonly compileMs: number;
  /** Of tables that are kept for pages to come, as they cannot be compiled alone, in bytes. */
  readonly tableBytes: number;
}

/** Tells files apart and compiles their tables. */
export class CodeFiles {
  /** By build id and segments, or by what names a file without one. */
  readonly #byKey: LRUCache<string, CodeFile>;
  /** By {@linkcode RegularFile.identity}; which also tells what is no program or library for this machine. */
  readonly #byIdentity: LRUCache<string, CodeFile | typeof NO_CODE>;
  /** Those that anybody has still: machines that build software have new ones all the time. */
  readonly #byId = new Map<number, WeakRef<CodeFile>>();
  readonly #gone = new FinalizationRegistry<number>((id) => this.#byId.delete(id));
  /** Those that were asked for by their number, as stacks still name them. */
  readonly #asked: LRUCache<number, CodeFile>;
  readonly #tables: LRUCache<number, UnwindTable>;
  #vdso: CodeFile | null | undefined;
  #next = 1;
  #compiled = 0;
  #compiledPages = 0;
  #failed = 0;
  #compileMs = 0;

  /** Files that were compiled and loaded whole; pages of theirs that were given up since come back alone. */
  readonly #whole = new WeakSet<CodeFile>();

  /**
   * @param options.cacheBytes for tables that are not loaded whole and have no pages of their own; @default {16 MiB}
   * @param options.maxFiles that are told apart at once, some hundred bytes each; @default {16,384}
   */
  constructor(
    { cacheBytes = 16 << 20, maxFiles: max = MAX_FILES }: { cacheBytes?: number; maxFiles?: number } = {},
  ) {
    this.#byKey = new LRUCache({ max });
    this.#byIdentity = new LRUCache({ max });
    this.#asked = new LRUCache({ max });
    this.#tables = new LRUCache({ maxSize: cacheBytes, sizeCalculation: (table) => 1 + tableBytes(table) });
  }

  get stats(): FileStats {
    return {
      files: this.#byId.size,
      compiled: this.#compiled,
      compiledPages: this.#compiledPages,
      failed: this.#failed,
      compileMs: this.#compileMs,
      tableBytes: this.#tables.calculatedSize,
    };
  }

  get(id: number): CodeFile | undefined {
    const file = this.#byId.get(id)?.deref();
    if (file) this.#asked.set(id, file);
    return file;
  }

  /** The file of a mapping; `undefined` when it is no file with a table: a JIT's memory, or data. */
  of(place: MappedFile): CodeFile | undefined {
    const { mapping } = place;
    if (mapping.path === VDSO) return this.vdso();
    if (mapping.inode === 0) return undefined;
    using opened = openMapped(place);
    return opened && this.identify(opened, place);
  }

  /** As {@linkcode of}, where the mapping's file is open. */
  identify(opened: RegularFile, place: MappedFile): CodeFile | undefined {
    const { mapping } = place;
    let file = this.#byIdentity.get(opened.identity);
    if (file === undefined) {
      file = this.#identify(opened, mapping) ?? NO_CODE;
      this.#byIdentity.set(opened.identity, file);
    }
    if (file === NO_CODE) return undefined;
    if (file.places.at(-1)?.mapping !== mapping) file.places.push(place);
    if (file.places.length > MAX_PLACES) file.places.shift();
    return file;
  }

  /** Whether all pages of the file were given out at once, so that none is worth to be asked for in advance. */
  isWhole(file: CodeFile): boolean {
    return this.#whole.has(file);
  }

  /**
   * Compiles `wanted` pages of a file: these alone where the file is large and they can be, else all of the file's
   * where the store has room for them.
   *
   * @returns nothing when the file cannot be read, now or any more, or has not one rule, as `tableless` then tells
   */
  async *compile(
    file: CodeFile,
    { wanted, store, signal }: {
      wanted: ReadonlySet<number>;
      store: Pick<PageStore, "hasRoomFor">;
      signal: AbortSignal;
    },
  ): AsyncGenerator<CompiledPages> {
    const known = this.#tables.get(file.id);
    if (known) return yield { table: known, pages: wanted };
    using opened = this.#open(file);
    if (!opened) {
      this.#failed++;
      return;
    }
    const info = infoOf(opened, file);
    const { searchable } = info ?? {};
    if (info && searchable && (searchable > WHOLE_FUNCTIONS || this.#whole.has(file))) {
      for (const [first, last] of runsOf(wanted)) {
        const table = await this.#timed(file, info.compilePages(first, last, { signal }));
        this.#compiledPages++;
        yield { table, pages: range(first, last) };
      }
      return;
    }
    const table = info ? await this.#timed(file, info.compile({ signal })) : EMPTY;
    this.#compiled++;
    file.tableless = table.pages.length === 0;
    const { length } = table.rows;
    if (info === undefined || file.tableless) return;
    const pages = pagesOf(info.code, table);
    const fits = length <= WHOLE_ROWS && store.hasRoomFor({ rows: length, pages: pages.size });
    if (this.#whole.has(file) || !fits) {
      if (!searchable) this.#tables.set(file.id, table);
      return yield { table, pages: wanted };
    }
    this.#whole.add(file);
    yield { table, pages };
  }

  /** What was compiled, or nothing for a file that is damaged. */
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

  #open(file: CodeFile): (ByteSource & Disposable) | undefined {
    if (file === this.#vdso) return { ...memorySource(readVdsoImage()!), [Symbol.dispose]() {} };
    for (const place of file.places.toReversed()) {
      const opened = openMapped(place);
      // Only the file that was identified, not another that is mapped there now.
      if (opened && this.#byIdentity.get(opened.identity) === file) return opened;
      opened?.[Symbol.dispose]();
    }
    return undefined;
  }

  #identify(opened: RegularFile, { path }: Mapping): CodeFile | undefined {
    try {
      const elf = readElf(opened);
      if (elf.machine !== EM_X86_64 || elf.bits !== 64) return undefined;
      const key = fileKey(elf, opened.identity);
      let file = this.#byKey.get(key);
      if (!file) this.#byKey.set(key, file = this.#add(key, { path, segments: elf.segments }));
      return file;
    } catch (error) {
      if (error instanceof ElfError) return undefined;
      throw error;
    }
  }

  #add(key: string, { path, segments }: Pick<CodeFile, "path" | "segments">): CodeFile {
    const file = { id: this.#next++, key, path, segments, places: [], tableless: false };
    this.#byId.set(file.id, new WeakRef(file));
    this.#gone.register(file, file.id);
    return file;
  }

  /** The vDSO; `undefined` where there is none. */
  vdso(): CodeFile | undefined {
    if (this.#vdso === undefined) {
      const image = readVdsoImage();
      this.#vdso = image
        ? this.#add(VDSO, { path: VDSO, segments: readElf(memorySource(image)).segments })
        : null;
    }
    return this.#vdso ?? undefined;
  }
}

/** Equal for files that are one, by their build id; by `identity`, see {@linkcode RegularFile}, where they have none. */
export function fileKey({ buildId, segments }: ElfInfo, identity: string): string {
  const shape = segments.map(({ offset, address, fileSize }) => `${offset},${address},${fileSize}`);
  return buildId === "" ? identity : `${buildId}:${shape}`;
}

/** Less this, an address in the mapping is one of the file's program headers; `undefined` for no segment's. */
export function biasOf(file: CodeFile, mapping: Mapping): number | undefined {
  const address = addressOf(file.segments, mapping.offset);
  return address === undefined ? undefined : mapping.start - address;
}

const EMPTY: UnwindTable = {
  rows: new Uint32Array(0),
  pages: new Uint32Array(0),
  first: Uint32Array.of(0),
  rules: new Int32Array(0),
};

/** `undefined` for a file that is damaged, which is not tried again. */
function infoOf(source: ByteSource, file: CodeFile): UnwindInfo | undefined {
  try {
    return new UnwindInfo(source);
  } catch (error) {
    noTable(file, error);
    return undefined;
  }
}

function noTable({ path }: CodeFile, error: unknown): UnwindTable {
  if (!(error instanceof ElfError)) throw error;
  logger.debug("No unwind table of {path}: {error}", { path, error });
  return EMPTY;
}
