// SPDX-License-Identifier: Apache-2.0
/**
 * The pages of unwind tables that the kernel has: put there when a sample misses them, and given up when they were not
 * used for minutes, before more memory is taken; and when the memory for them is used up, those first that were not used
 * for longest.
 *
 * @module
 */

import { settledWithin } from "../../common/timeout.ts";
import { BpfArray, type BpfMap, type MappedMemory } from "../libbpf/mod.ts";
import { ChunkSpace, type Extent } from "./chunk_space.ts";
import { RULE_NONE, RULE_UNKNOWN, RULE_WORDS, RuleSet } from "./rules.ts";
import { ROW_BYTES, type UnwindTable } from "./table.ts";
import type { WalkWindows } from "./walk_windows.ts";

/** APERTURE_CHUNK_ROWS of bpf/aperture.h. */
const CHUNK_ROWS = 262_144;
export const CHUNK_BYTES = CHUNK_ROWS * ROW_BYTES;
/** APERTURE_RULES. */
const KERNEL_RULES = 16_384;
/** Most pages have fewer rows. */
const USUAL_ROWS = 4096;
/** At least this share of all rows is given up at once: it costs a wait for the programs that run. */
const EVICT_SHARE = 1 / 8;
/** All pages are given up for new rules once in so many ms at most: programs that run miss theirs then. */
const RENEW_MS = 80_000;
/** Cold pages are given up once in so many ms, also where nothing needs their room: it costs a look at each page. */
const TIDY_MS = 60_000;

/** These maps of `bpf/unwind.bpf.c` have the pages. */
export interface PageMaps {
  readonly rules: BpfMap;
  readonly chunks: BpfMap;
  readonly pages: BpfMap;
}

/** The store goes by this of the windows. */
export type PageWindows = Pick<WalkWindows, "now" | "since" | "coldBefore" | "ms" | "next">;

export interface PageStoreOptions {
  /** There may be so many chunks, of 1 MiB each. */
  readonly maxChunks: number;
  readonly windows: PageWindows;
  /** It is called with the number of a file whose last pages were given up as they were cold. */
  readonly onGone?: (file: number) => void;
  /** Room that is given up is waited for so long, in ms; usually the kernel takes 10 to 30. @default {100} */
  readonly roomMs?: number;
}

export interface PageStats {
  readonly pages: number;
  /** Rows of pages that are loaded, in bytes. */
  readonly rowBytes: number;
  readonly rules: number;
  /** Counts since the start. */
  readonly loaded: number;
  readonly evicted: number;
  /** Pages that found no room, as all others are in use. */
  readonly refused: number;
  /** Rows whose rule found no room: they are unknown. */
  readonly rulesRefused: number;
}

interface Loaded {
  readonly file: number;
  readonly page: number;
  /** `undefined` for a page without rows. */
  readonly extent: Extent | undefined;
}

/** Writes pages into the maps that programs read. */
export class PageStore implements AsyncDisposable {
  readonly #maps: PageMaps;
  readonly #windows: PageWindows;
  readonly #onGone: ((file: number) => void) | undefined;
  readonly #roomMs: number;
  readonly #maxPages: number;
  readonly #maxRows: number;
  readonly #space: ChunkSpace;
  readonly #chunks: BpfArray[] = [];
  readonly #ruleMemory: MappedMemory;
  #rules = new RuleSet({ capacity: KERNEL_RULES });
  #rulesWritten = 0;
  /** Pages are found by their key, see {@linkcode pageKey}. */
  readonly #loaded = new Map<number, Loaded>();
  /** The rules of the table whose pages were loaded last, and what they are here. */
  #last: { readonly rules: Int32Array; readonly global: Int32Array } | undefined;
  /** A page's rows are put together here. */
  #rows = new Uint32Array(USUAL_ROWS);
  #usedRows = 0;
  #loads = 0;
  #evicted = 0;
  #refused = 0;
  #rulesRefused = 0;
  /** A rule found no room in that window, since all were given up. */
  #fullIn: number | undefined;
  /** All were given up at that time. */
  #renewedMs = -Infinity;
  /** What was cold by then was given up, and all that is in that time. */
  #coldBefore: number;
  #tidiedMs: number;

  constructor(maps: PageMaps, { maxChunks, windows, onGone, roomMs = 100 }: PageStoreOptions) {
    this.#maps = maps;
    this.#windows = windows;
    this.#onGone = onGone;
    this.#roomMs = roomMs;
    this.#coldBefore = windows.coldBefore;
    this.#tidiedMs = windows.ms;
    this.#maxPages = maps.pages.maxEntries;
    this.#maxRows = maxChunks * CHUNK_ROWS;
    this.#space = new ChunkSpace({ chunkRows: CHUNK_ROWS, maxChunks });
    this.#ruleMemory = maps.rules.mapMemory();
    this.#writeRules();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#maps.chunks.settled();
    this.#ruleMemory[Symbol.dispose]();
    for (const chunk of this.#chunks) chunk[Symbol.dispose]();
  }

  get stats(): PageStats {
    return {
      pages: this.#loaded.size,
      rowBytes: this.#usedRows * ROW_BYTES,
      rules: this.#rules.size,
      loaded: this.#loads,
      evicted: this.#evicted,
      refused: this.#refused,
      rulesRefused: this.#rulesRefused,
    };
  }

  /** The chunks use so many bytes of the kernel's memory. */
  get memoryBytes(): number {
    return this.#chunks.length * CHUNK_BYTES;
  }

  /** Lets go of the memory of chunks, which is the kernel's own between two loads. */
  rest(): void {
    this.#last = undefined;
    for (const chunk of this.#chunks) chunk.unmap();
  }

  /** Returns the ids of the files that the kernel has pages of, one for each page. */
  *fileIds(): Generator<number> {
    for (const { file } of this.#loaded.values()) yield file;
  }

  /** Tells whether the kernel has a page of a file. */
  has(file: number, page: number): boolean {
    return this.#loaded.has(pageKey(file, page));
  }

  /** Tells whether so much leaves half of the memory free, so that a file may be loaded whole. */
  hasRoomFor({ rows, pages }: { rows: number; pages: number }): boolean {
    return this.#space.freeRows - rows > this.#maxRows / 2 && this.#loaded.size + pages < this.#maxPages / 2;
  }

  /**
   * Loads a page of a file's table; one that the table does not have is one without rules. One at a time. Pages that were
   * used in this window are not given up for it.
   *
   * @returns false when there is no room
   */
  async load(file: number, page: number, { table }: { table: UnwindTable }): Promise<boolean> {
    const key = pageKey(file, page);
    if (this.#loaded.has(key)) return true;
    const index = indexOf(table.pages, page);
    const from = index < 0 ? 0 : table.first[index]!;
    const count = index < 0 ? 0 : table.first[index + 1]! - from;
    if (this.#loaded.size >= this.#maxPages) await this.#evict(0);
    const extent = count > 0 ? await this.#take(count) : undefined;
    if ((count > 0 && extent === undefined) || this.#loaded.size >= this.#maxPages) {
      if (extent) this.#space.giveBack(extent);
      this.#refused++;
      return false;
    }
    const { now } = this.#windows;
    if (extent && !await this.#write(extent, { table, from })) this.#fullIn ??= now;
    const { chunk, first } = extent ?? { chunk: 0, first: 0 };
    this.#maps.pages.update(Uint32Array.of(file, page), Uint32Array.of(chunk, first, count, now));
    this.#loaded.set(key, { file, page, extent });
    this.#loads++;
    return true;
  }

  /** Tells whether it is time to {@linkcode tidy}. */
  get isDue(): boolean {
    return this.#isFull || this.#windows.ms >= this.#tidiedMs + TIDY_MS;
  }

  /**
   * Rules are not given up with pages, so that those of files that are gone may be all that there is: there was no room for
   * one in an earlier window.
   */
  get #isFull(): boolean {
    const { since, ms } = this.#windows;
    return this.#fullIn !== undefined && since > this.#fullIn && ms >= this.#renewedMs + RENEW_MS;
  }

  /**
   * Gives up all pages and all rules, where there is no room for rules, else what is cold, and the memory of it. Not while
   * a page is loaded.
   */
  async tidy(): Promise<void> {
    this.#tidiedMs = this.#windows.ms;
    if (this.#isFull) await this.#renew();
    else await this.#giveUpCold();
    await this.#shrink();
  }

  async #renew(): Promise<void> {
    this.#fullIn = undefined;
    this.#renewedMs = this.#windows.ms;
    await this.#giveUp([...this.#loaded.values()]);
    // No program that runs has the number of a rule from before: these are written over the old ones.
    this.#rules = new RuleSet({ capacity: KERNEL_RULES });
    this.#rulesWritten = 0;
    this.#last = undefined;
    this.#writeRules();
  }

  /** Takes room for so many rows: of what is free, of what is cold, of memory to come, or of what is used least. */
  async #take(rows: number): Promise<Extent | undefined> {
    let extent = this.#space.take(rows);
    if (extent === undefined && await this.#giveUpCold()) extent = this.#space.take(rows);
    if (extent === undefined && this.#space.grow()) extent = this.#space.take(rows);
    if (extent !== undefined) return extent;
    await this.#evict(rows);
    return this.#space.take(rows);
  }

  /** @returns false when there was no room for all of its rules */
  async #write(extent: Extent, { table, from }: { table: UnwindTable; from: number }): Promise<boolean> {
    const refused = this.#rulesRefused;
    const chunk = await this.#chunk(extent.chunk);
    if (this.#rows.length < extent.count) this.#rows = new Uint32Array(extent.count);
    const rows = this.#rows;
    const global = this.#globalOf(table.rules);
    for (let i = 0; i < extent.count; i++) {
      const row = table.rows[from + i]!;
      const local = row >>> 16;
      let rule = global[local]!;
      if (rule < 0) {
        rule = local <= RULE_UNKNOWN ? local : this.#rules.add(table.rules, local);
        if (rule < RULE_NONE) {
          rule = RULE_UNKNOWN;
          this.#rulesRefused++;
        }
        global[local] = rule;
      }
      rows[i] = (row & 0xffff | rule << 16) >>> 0;
    }
    chunk.write(extent.first * ROW_BYTES, new Uint8Array(rows.buffer, 0, extent.count * ROW_BYTES));
    this.#usedRows += extent.count;
    this.#writeRules();
    return this.#rulesRefused === refused;
  }

  /** Returns the numbers of a table's rules here, as far as they are known: negative ones are not. */
  #globalOf(rules: Int32Array): Int32Array {
    // A table's pages come one after another.
    if (this.#last?.rules !== rules) {
      this.#last = { rules, global: new Int32Array(rules.length / RULE_WORDS).fill(-1) };
    }
    return this.#last.global;
  }

  /** Rules that are new since the last call; before the pages whose rows refer to them. */
  #writeRules(): void {
    if (this.#rulesWritten === this.#rules.size) return;
    const words = new Uint32Array(this.#rules.toArray().buffer);
    const from = this.#rulesWritten * 4;
    this.#ruleMemory.words().set(words.subarray(from), from);
    this.#rulesWritten = this.#rules.size;
  }

  /** Returns a chunk, which is created when it is first used. */
  async #chunk(index: number): Promise<BpfArray> {
    while (this.#chunks.length <= index) {
      const chunk = BpfArray.create("unwind_chunk", CHUNK_BYTES);
      this.#chunks.push(chunk);
      await this.#maps.chunks.putInner(this.#chunks.length - 1, chunk);
    }
    return this.#chunks[index]!;
  }

  /** Gives up pages that this window has not used, the longest unused first; for no rows, entries of the map. */
  async #evict(rows: number): Promise<void> {
    const { since } = this.#windows;
    const wantedRows = Math.max(rows, this.#maxRows * EVICT_SHARE);
    const wantedPages = Math.ceil(this.#maxPages * EVICT_SHARE);
    const gone: Loaded[] = [];
    let freed = 0;
    for (const { loaded } of this.#usedBefore(since).sort((a, b) => a.window - b.window)) {
      if (rows > 0 ? freed >= wantedRows : gone.length >= wantedPages) break;
      gone.push(loaded);
      freed += loaded.extent?.count ?? 0;
    }
    await this.#soon(this.#giveUp(gone));
  }

  /** Gives up the pages that are cold, and says whether there were any; it looks once a window. */
  async #giveUpCold(): Promise<boolean> {
    const { coldBefore } = this.#windows;
    if (coldBefore === this.#coldBefore) return false;
    this.#coldBefore = coldBefore;
    const cold = this.#usedBefore(coldBefore);
    await this.#soon(this.#giveUp(cold.map(({ loaded }) => loaded)));
    const gone = new Set(cold.map(({ loaded }) => loaded.file)).difference(new Set(this.fileIds()));
    for (const file of gone) this.#onGone?.(file);
    return cold.length > 0;
  }

  /** Returns the pages that were not used since `window`. */
  #usedBefore(window: number): { loaded: Loaded; window: number }[] {
    const used: { loaded: Loaded; window: number }[] = [];
    this.#maps.pages.read(({ count, keys, values }) => {
      for (let i = 0; i < count; i++) {
        const last = values.getUint32(i * 16 + 12, true);
        if (last >= window) continue;
        const loaded = this.#loaded.get(
          pageKey(keys.getUint32(i * 8, true), keys.getUint32(i * 8 + 4, true)),
        );
        if (loaded) used.push({ loaded, window: last });
      }
    });
    return used;
  }

  /** Programs miss the pages at once; their rows are free when this is done. */
  async #giveUp(gone: readonly Loaded[]): Promise<void> {
    if (gone.length === 0) return;
    for (const { file, page, extent } of gone) {
      this.#maps.pages.delete(Uint32Array.of(file, page));
      this.#loaded.delete(pageKey(file, page));
      this.#usedRows -= extent?.count ?? 0;
    }
    this.#evicted += gone.length;
    // Programs remember pages that they found, one perhaps since its age was read, until another number is the newest.
    this.#windows.next();
    // A program that runs may have found one just before: its rows are not written over while that runs.
    await this.#awaitPrograms();
    for (const { extent } of gone) if (extent) this.#space.giveBack(extent);
  }

  /** Gives the memory back that is behind all that is used; the first chunk stays. */
  async #shrink(): Promise<void> {
    const count = this.#space.shrink();
    const gone = this.#chunks.splice(count);
    // No page is in them. The map has each until another one is in its place.
    const replaced = gone.map((chunk, i) =>
      this.#maps.chunks.setInner(count + i, this.#chunks[0]!).finally(() => chunk[Symbol.dispose]())
    );
    await this.#soon(Promise.all(replaced));
  }

  /**
   * Waits for what is done once no program runs that began before, but not for long: the kernel may take a minute to know
   * that, beside threads that wait and wake in quick succession, and meanwhile no page could be loaded.
   */
  async #soon(done: Promise<unknown>): Promise<void> {
    // Where that fails later, what was to be free stays taken.
    done.catch(() => {});
    await settledWithin(this.#roomMs, done);
  }

  /** Waits until no program runs that began before. */
  async #awaitPrograms(): Promise<void> {
    if (this.#chunks[0]) await this.#maps.chunks.setInner(0, this.#chunks[0]);
  }
}

/** Returns a page of 2^32 of a file; exact, as there are fewer than 2^21 files. */
function pageKey(file: number, page: number): number {
  return file * 2 ** 32 + page;
}

/** Returns the index of `page` in `pages`, -1 when it is not there. */
function indexOf(pages: Uint32Array, page: number): number {
  let [from, to] = [0, pages.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (pages[middle]! < page) from = middle + 1;
    else to = middle;
  }
  return pages[from] === page ? from : -1;
}
