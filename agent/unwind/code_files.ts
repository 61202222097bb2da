/**
 * The files that processes have mapped to run: which are the same, and their unwind tables.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { LRUCache } from "lru-cache";
import type { Mapping } from "../metadata/maps.ts";
import { readVdsoImage } from "../metadata/vdso_image.ts";
import { addressOf, type ByteSource, ElfError, memorySource, readElf, type Segment } from "../symbols/elf.ts";
import { type MappedFile, openMapped } from "../symbols/modules.ts";
import type { RegularFile } from "../symbols/regular_file.ts";
import { compileUnwindTable } from "./compile.ts";
import { EM_X86_64 } from "./frame_sections.ts";
import { tableBytes, type UnwindTable } from "./table.ts";

const logger = getLogger(["aperture", "unwind"]);

const NO_CODE = "no code";
const VDSO = "[vdso]";
/** How many ways to a file are kept: one of those processes should still run. */
const MAX_PLACES = 4;
/** Files that are told apart at once; some hundred bytes each. */
const MAX_FILES = 16_384;

/** A file as the kernel knows it. Equal files, by their build id, are one, wherever they are. */
export interface CodeFile {
  /** From 1 on; in the kernel 0 is code without a file. */
  readonly id: number;
  /** As the first process that had it named it. */
  readonly path: string;
  readonly segments: readonly Segment[];
  /** Where it can be read, the latest last. */
  readonly places: MappedFile[];
  /** It was compiled and has not one rule: as good as no file. */
  tableless: boolean;
}

export interface FileStats {
  readonly files: number;
  /** Tables compiled since the start. */
  readonly compiled: number;
  /** Files that could not be compiled, or not be reached any more. */
  readonly failed: number;
  /** Time spent on compiling, in ms. */
  readonly compileMs: number;
  /** Of tables that are kept for pages to come, in bytes. */
  readonly tableBytes: number;
}

/** Tells files apart and compiles their tables. */
export class CodeFiles {
  /** By build id and segments, or by what names a file without one. */
  readonly #byKey = new LRUCache<string, CodeFile>({ max: MAX_FILES });
  /** By {@linkcode RegularFile.identity}; which also tells what is no program or library for this machine. */
  readonly #byIdentity = new LRUCache<string, CodeFile | typeof NO_CODE>({ max: MAX_FILES });
  readonly #byId = new Map<number, CodeFile>();
  readonly #tables: LRUCache<number, UnwindTable>;
  #vdso: CodeFile | null | undefined;
  #next = 1;
  #compiled = 0;
  #failed = 0;
  #compileMs = 0;

  /** @param options.cacheBytes for the tables of files that are not loaded whole; @default {16 MiB} */
  constructor({ cacheBytes = 16 << 20 }: { cacheBytes?: number } = {}) {
    this.#tables = new LRUCache({ maxSize: cacheBytes, sizeCalculation: (table) => 1 + tableBytes(table) });
  }

  get stats(): FileStats {
    return {
      files: this.#byId.size,
      compiled: this.#compiled,
      failed: this.#failed,
      compileMs: this.#compileMs,
      tableBytes: this.#tables.calculatedSize,
    };
  }

  get(id: number): CodeFile | undefined {
    return this.#byId.get(id);
  }

  /** The file of a mapping; `undefined` when it is no file with a table: a JIT's memory, or data. */
  of(place: MappedFile): CodeFile | undefined {
    const { mapping } = place;
    if (mapping.path === VDSO) return this.#vdsoFile();
    if (mapping.inode === 0) return undefined;
    using opened = openMapped(place);
    if (!opened) return undefined;
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

  /**
   * The file's table, compiled when it is not at hand; it is kept until others need the room.
   *
   * @returns `undefined` when the file cannot be read, now or any more
   */
  async table(file: CodeFile, signal: AbortSignal): Promise<UnwindTable | undefined> {
    const known = this.#tables.get(file.id);
    if (known) return known;
    const begin = performance.now();
    const table = await this.#compile(file, signal);
    this.#compileMs += performance.now() - begin;
    if (table === undefined) {
      this.#failed++;
      return undefined;
    }
    this.#compiled++;
    file.tableless = table.pages.length === 0;
    this.#tables.set(file.id, table);
    return table;
  }

  /** The file is loaded whole: its table is not needed any more. */
  release(file: CodeFile): void {
    this.#tables.delete(file.id);
  }

  async #compile(file: CodeFile, signal: AbortSignal): Promise<UnwindTable | undefined> {
    if (file === this.#vdso) return await compiled(memorySource(readVdsoImage()!), file, signal);
    for (const place of file.places.toReversed()) {
      using opened = openMapped(place);
      // Only the file that was identified, not another that is mapped there now.
      if (!opened || this.#byIdentity.get(opened.identity) !== file) continue;
      return await compiled(opened, file, signal);
    }
    return undefined;
  }

  #identify(opened: RegularFile, { path }: Mapping): CodeFile | undefined {
    try {
      const { machine, bits, buildId, segments } = readElf(opened);
      if (machine !== EM_X86_64 || bits !== 64) return undefined;
      const shape = segments.map(({ offset, address, fileSize }) => `${offset},${address},${fileSize}`);
      const key = buildId === "" ? opened.identity : `${buildId}:${shape}`;
      let file = this.#byKey.get(key);
      if (!file) this.#byKey.set(key, file = this.#add(path, segments));
      return file;
    } catch (error) {
      if (error instanceof ElfError) return undefined;
      throw error;
    }
  }

  #add(path: string, segments: readonly Segment[]): CodeFile {
    const file = { id: this.#next++, path, segments, places: [], tableless: false };
    this.#byId.set(file.id, file);
    return file;
  }

  #vdsoFile(): CodeFile | undefined {
    if (this.#vdso === undefined) {
      const image = readVdsoImage();
      this.#vdso = image ? this.#add(VDSO, readElf(memorySource(image)).segments) : null;
    }
    return this.#vdso ?? undefined;
  }
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

/** A file that cannot be compiled has no rules, and is not tried again. */
async function compiled(source: ByteSource, { path }: CodeFile, signal: AbortSignal): Promise<UnwindTable> {
  try {
    const { table, losses } = await compileUnwindTable(source, { signal });
    logger.debug("Compiled {path}: {rows} rows, losses {losses}", {
      path,
      rows: table.rows.length,
      losses: Object.fromEntries(losses),
    });
    return table;
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    logger.debug("No unwind table of {path}: {error}", { path, error });
    return EMPTY;
  }
}
