// SPDX-License-Identifier: Apache-2.0
/**
 * Compiled pages of unwind tables in files of the agent's own, which outlive it: what was compiled once is read the next
 * time, and what walks missed lately is loaded before they miss it again.
 *
 * Each program or library has a file, which grows by records: runs of pages as they are compiled, and notes of pages that
 * were missed. Several agents may add to one.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { LRUCache } from "lru-cache";
import { crc32 } from "node:zlib";
import { Burst } from "../../common/log.ts";
import { KeptFiles, type KeptTablesStats } from "../elf/kept_files.ts";
import { RegularFile } from "../../symbols/elf/regular_file.ts";
import type { UnwindTable } from "./table.ts";

/** "APU" and the number of this layout. */
const MAGIC = 0x01555041;
/** A record begins with so many words of 32 bits, then come the numbers of its pages, its rules and its rows. */
const HEADER_WORDS = 10;
const HEADER_BYTES = 4 * HEADER_WORDS;
/** Flags of a record: its pages are all of the file's; or it is a note that they were missed, without rows. */
const [WHOLE, NOTE] = [1, 2];
/** No record has more bytes. */
const MAX_RECORD_BYTES = 64 << 20;
/** The pages of a record are read with its header, where they are not more. */
const HEAD_BYTES = 1024;
/** What was missed so long ago, in seconds, may not be used any more: a walk that misses it says so again. */
const LATELY_SECONDS = 7 * 86_400;
/** The places of records are kept in memory of so many files. */
const MAX_OPEN = 64;

/** Some pages, and a table that has all rows of theirs. */
export interface StoredPages {
  readonly table: UnwindTable;
  readonly pages: readonly number[];
}

export interface TableFilesOptions {
  /** It is made where there is none. */
  readonly folder: string;
  /** All files together may take so many bytes. */
  readonly maxBytes: number;
  /** Tables that were compiled by other code have another text, and are not used. */
  readonly version: string;
  /** Returns the time in ms. @default {Date.now} */
  readonly clock?: () => number;
}

/** The files of one folder. */
export class TableFiles {
  readonly #folder: string;
  readonly #files: KeptFiles;
  readonly #version: string;
  readonly #clock: () => number;
  readonly #burst = new Burst(getLogger(["aperture", "unwind"]));
  readonly #open = new LRUCache<string, StoredTable>({ max: MAX_OPEN });
  readonly #counts = { hits: 0, written: 0, failed: 0, damaged: 0 };

  /** @throws {Error} when the folder cannot be made or read, or is not this user's alone to write to */
  constructor({ folder, maxBytes, version, clock = Date.now }: TableFilesOptions) {
    this.#folder = folder;
    this.#files = new KeptFiles({ folder, end: ".unwind", maxBytes, clock });
    this.#version = version;
    this.#clock = clock;
  }

  get stats(): KeptTablesStats {
    return { ...this.#files.stats, ...this.#counts };
  }

  /** Returns what is stored of the program or library that `key` stands for, which may be nothing. */
  of(key: string): StoredTable {
    let stored = this.#open.get(key);
    if (stored === undefined) {
      const name = this.#files.nameOf(`${this.#version} ${key}`);
      stored = new StoredTable({
        path: this.#files.pathOf(name),
        lately: Math.floor(this.#clock() / 1000) - LATELY_SECONDS,
        now: () => Math.floor(this.#clock() / 1000),
        onRead: (pages) => this.#counts.hits += pages,
        onWritten: (pages, bytes) => {
          this.#counts.written += pages;
          this.#files.grow(name, bytes);
        },
        onDamaged: () => {
          this.#counts.damaged++;
          this.#files.remove(name);
        },
        onFailed: (error) => {
          this.#counts.failed++;
          // It may end within a record, behind which no other would be found.
          this.#files.remove(name);
          this.#burst.warn("write", `Cannot keep unwind tables in ${this.#folder}: ${error.message}`);
        },
      });
      if (this.#files.has(name)) {
        stored.find();
        this.#files.use(name);
      }
      this.#open.set(key, stored);
    }
    return stored;
  }
}

interface StoredTableOptions {
  readonly path: string;
  /** Notes of before, in seconds since 1970, do not count. */
  readonly lately: number;
  /** Returns the seconds since 1970. */
  readonly now: () => number;
  readonly onRead: (pages: number) => void;
  readonly onWritten: (pages: number, bytes: number) => void;
  readonly onDamaged: () => void;
  readonly onFailed: (error: Error) => void;
}

/** Is where a record is in the file. */
interface Place {
  readonly offset: number;
  readonly bytes: number;
}

/** What is stored of one program or library. */
export class StoredTable {
  readonly #options: StoredTableOptions;
  /** The record that has a page. */
  readonly #places = new Map<number, Place>();
  /** Pages that were missed lately, which need not be noted again. */
  readonly #missed = new Set<number>();
  /** The record of all pages there are. */
  #whole: Place | undefined;
  #failed = false;

  constructor(options: StoredTableOptions) {
    this.#options = options;
  }

  /** Tells whether all pages of the file are stored together. */
  get isWhole(): boolean {
    return this.#whole !== undefined;
  }

  /** Returns the pages that were missed lately, by this run or an earlier one. */
  get missed(): ReadonlySet<number> {
    return this.#missed;
  }

  /** Returns how many pages are stored. */
  get size(): number {
    return this.#places.size;
  }

  has(page: number): boolean {
    return this.#places.has(page);
  }

  /** Returns all pages of a file that is stored whole; `undefined` where they cannot be read any more. */
  readWhole(): StoredPages | undefined {
    using file = RegularFile.open(this.#options.path, { follow: false });
    const read = this.#whole && file && this.#read(file, this.#whole);
    if (read) this.#options.onRead(read.pages.length);
    else this.#forget(file !== undefined);
    return read;
  }

  /** Yields those of `pages` that are stored, by the records that have them. */
  *read(pages: Iterable<number>): Generator<StoredPages, void> {
    const wanted = new Map<Place, number[]>();
    for (const page of pages) {
      const place = this.#places.get(page);
      if (place) wanted.getOrInsertComputed(place, () => []).push(page);
    }
    if (wanted.size === 0) return;
    using file = RegularFile.open(this.#options.path, { follow: false });
    for (const [place, pages] of wanted) {
      const read = file && this.#read(file, place);
      if (!read || !pages.every((page) => read.pages.includes(page))) return this.#forget(file !== undefined);
      this.#options.onRead(pages.length);
      yield { table: read.table, pages };
    }
  }

  /** Adds `pages`, whose rows `table` has; all of the file's where they are `whole`. */
  add({ table, pages }: StoredPages, { whole = false }: { whole?: boolean } = {}): void {
    const place = this.#append(
      encode({ table, pages }, { flags: whole ? WHOLE : 0, time: this.#options.now() }),
      pages.length,
    );
    if (place) this.#take(pages, { place, whole });
  }

  /** Notes that walks missed `pages`. */
  note(pages: Iterable<number>): void {
    const missed = [...pages].filter((page) => !this.#missed.has(page));
    if (missed.length === 0) return;
    for (const page of missed) this.#missed.add(page);
    this.#append(encode({ table: EMPTY, pages: missed }, { flags: NOTE, time: this.#options.now() }), 0);
  }

  /** Finds the records that are there. What ends within a record may be one that is written right now. */
  find(): void {
    using file = RegularFile.open(this.#options.path, { follow: false });
    if (file === undefined) return;
    let offset = 0;
    while (offset + HEADER_BYTES <= file.size) {
      const head = file.read(offset, HEAD_BYTES);
      if (head.length < HEADER_BYTES) return;
      const [magic, bytes, , flags, time, pageCount] = new Uint32Array(head.buffer, 0, HEADER_WORDS);
      if (magic !== MAGIC || bytes! < HEADER_BYTES + 4 * pageCount! || bytes! > MAX_RECORD_BYTES) {
        return this.#forget(true);
      }
      if (offset + bytes! > file.size) break;
      const end = HEADER_BYTES + 4 * pageCount!;
      const whole = end <= head.length ? head : file.read(offset, end);
      const pages = [...new Uint32Array(whole.buffer, HEADER_BYTES, pageCount)];
      if (flags! & NOTE) {
        if (time! >= this.#options.lately) { for (const page of pages) this.#missed.add(page); }
      } else {
        this.#take(pages, { place: { offset, bytes: bytes! }, whole: (flags! & WHOLE) !== 0 });
      }
      offset += bytes!;
    }
  }

  #take(pages: readonly number[], { place, whole }: { place: Place; whole: boolean }): void {
    for (const page of pages) this.#places.set(page, place);
    if (whole) this.#whole = place;
  }

  /** Returns where the record is, unless another agent adds to the file just now: that is found when it is read. */
  #append(record: Uint8Array<ArrayBuffer>, pages: number): Place | undefined {
    const { path, onWritten, onFailed } = this.#options;
    if (this.#failed) return undefined;
    try {
      Deno.writeFileSync(path, record, { append: true, mode: 0o600 });
      onWritten(pages, record.length);
      return { offset: Deno.statSync(path).size - record.length, bytes: record.length };
    } catch (error) {
      // The next file, or the next run, tries again.
      this.#failed = true;
      this.#clear();
      onFailed(error as Error);
      return undefined;
    }
  }

  #read(file: RegularFile, { offset, bytes }: Place): StoredPages | undefined {
    const record = file.read(offset, bytes);
    return record.length === bytes ? decode(record) : undefined;
  }

  /** Forgets what was found: the file is gone, or another one by now, or damaged. */
  #forget(isThere: boolean): void {
    this.#clear();
    if (isThere) this.#options.onDamaged();
  }

  #clear(): void {
    this.#places.clear();
    this.#missed.clear();
    this.#whole = undefined;
  }
}

const EMPTY: UnwindTable = {
  rows: new Uint32Array(0),
  pages: new Uint32Array(0),
  first: Uint32Array.of(0),
  rules: new Int32Array(0),
};

/** Returns a record. */
function encode(
  { table, pages }: StoredPages,
  { flags, time }: { flags: number; time: number },
): Uint8Array<ArrayBuffer> {
  const { rows, rules, first } = table;
  const parts = [pages, table.pages, first, rules, rows];
  const words = new Uint32Array(parts.reduce((sum, { length }) => sum + length, HEADER_WORDS));
  const lengths = [pages, table.pages, rules, rows].map(({ length }) => length);
  words.set([MAGIC, 4 * words.length, 0, flags, time, ...lengths]);
  let at = HEADER_WORDS;
  for (const part of parts) {
    words.set(part, at);
    at += part.length;
  }
  const bytes = new Uint8Array(words.buffer);
  words[2] = crc32(bytes.subarray(12));
  return bytes;
}

/** Returns what is in a record; `undefined` where it is none, or not as it was made. */
function decode(bytes: Uint8Array<ArrayBuffer>): StoredPages | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length % 4 !== 0) return undefined;
  const words = new Uint32Array(bytes.buffer, 0, bytes.length / 4);
  const [magic, length, checksum, , , pageCount, tablePages, ruleWords, rowCount] = words;
  const sum = HEADER_WORDS + pageCount! + 2 * tablePages! + 1 + ruleWords! + rowCount!;
  if (magic !== MAGIC || length !== bytes.length || sum !== words.length) return undefined;
  if (checksum !== crc32(bytes.subarray(12))) return undefined;
  let at = HEADER_WORDS;
  const take = (count: number) => words.subarray(at, at += count);
  const pages = [...take(pageCount!)];
  const [tableOf, first] = [take(tablePages!), take(tablePages! + 1)];
  const rules = new Int32Array(words.buffer, 4 * at, ruleWords);
  at += ruleWords!;
  return { pages, table: { pages: tableOf, first, rules, rows: take(rowCount!) } };
}
