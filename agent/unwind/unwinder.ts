// SPDX-License-Identifier: Apache-2.0
/**
 * The user space half of the unwinder: fills the maps that the walk in `bpf/unwind.h` goes by.
 *
 * The programs put what they miss, a process or a page of a table, on a list; here it is looked at some
 * times a second whether anything is on it (a read of shared memory), so that what is new is known within
 * its first tenths of a second, and what has no samples costs nothing.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type BpfLink, BpfObject, FILE_KEY, type MappedMemory, WANTED_FILE } from "../libbpf/mod.ts";
import { untilBeat } from "../beat.ts";
import type { CodeFile } from "../elf/code_file.ts";
import { CodeFiles, type CodeFilesStats } from "../elf/code_files.ts";
import { pidNamespace } from "../metadata/pid_namespace.ts";
import { ProcessTable } from "../metadata/processes.ts";
import { MAX_ADDRESS } from "./eh_frame.ts";
import { FileMap, type ObservedFile, readObservedFile } from "./file_map.ts";
import { type Likely, type MappingStats, ProcessMappings } from "./mappings.ts";
import { CHUNK_BYTES, type PageStats, PageStore } from "./page_store.ts";
import { type CompilerStats, TableCompiler } from "./table_compiler.ts";
import { AheadPace } from "./ahead_pace.ts";
import { ReadAhead } from "./read_ahead.ts";
import { PAGE_BYTES } from "./table.ts";
import type { TableFiles } from "./table_files.ts";
import type { Downloads } from "./unwind_infos.ts";
import { WalkWindows } from "./walk_windows.ts";
import { type Turn, WantedPages } from "./wanted_pages.ts";

const logger = getLogger(["aperture", "unwind"]);

export const UNWIND_OBJECT = new URL("../../bpf/build/unwind.bpf.o", import.meta.url).pathname;
/** The maps that all objects use together. */
export const SHARED_MAPS: readonly string[] = [
  "unwind_rules",
  "unwind_chunks",
  "unwind_pages",
  "unwind_mappings",
  "unwind_processes",
  "unwind_files",
  "unwind_wanted_files",
  "unwind_wanted_processes",
  "unwind_wanted_pages",
  "unwind_control",
];
/** The lists are looked at every so many ms; and in a run that is short, where each cut stack is a part of all. */
const POLL_MS = 50;
const SHORT_RUN_POLL_MS = 10;
/**
 * They are looked at soon after something was on them, for the next frame up may miss a page; not for ever, for what
 * finds no room is missed again.
 */
const SOON_MS = 5;
const MAX_SOON = 100;
/** Pages for each chunk: more than there are where a page has 1,000 rows, as is usual. */
const PAGES_PER_CHUNK = 512;
const LEAST_PAGES = 1024;
/** An entry of the map of pages takes so many bytes. */
const PAGE_ENTRY_BYTES = 120;

export interface UnwinderOptions {
  /** Pages may use so many bytes of the kernel's memory; mappings use little beside it. @default {32 MiB} */
  memoryBytes?: number;
  /** @default {bpf/build/unwind.bpf.o of this source tree} */
  objectPath?: string;
  /** Knows debug files that were downloaded, which may tell of code that the program itself tells nothing of. */
  downloads?: Downloads | undefined;
  /** Keeps compiled tables for the next run. @default none are kept */
  kept?: TableFiles | undefined;
}

export interface UnwinderStats {
  readonly pages: PageStats;
  readonly files: Pick<CodeFilesStats, "files" | "refused">;
  readonly tables: CompilerStats;
  readonly mappings: MappingStats;
  /** Its maps use so many bytes of the kernel's memory. */
  readonly memoryBytes: number;
}

/**
 * Gives collectors whole stacks.
 *
 * @example
 * ```ts
 * await using unwinder = Unwinder.open();
 * using collector = CpuCollector.open({ unwinder });
 * await delay(10_000);
 * const { samples, stacks } = await collector.drain();
 * unwinder.endWindow();
 * ```
 */
export class Unwinder implements AsyncDisposable {
  /** The files that its walks name, shared with who names them, and who calls `endWindow()` of both of these. */
  readonly files = new CodeFiles();
  /** The processes that had samples. */
  readonly processes = new ProcessTable();
  /** It is called when a process had its first sample, and again when code of it was hit that was not mapped before. */
  onProcess: ((pid: number) => void) | undefined;
  /** It is called when something of a file is wanted: there is a process that has it mapped. */
  onFile: ((file: CodeFile) => void) | undefined;
  readonly #object: BpfObject;
  readonly #control: MappedMemory;
  readonly #windows: WalkWindows;
  readonly #pages: PageStore;
  readonly #tables: TableCompiler;
  readonly #mappings: ProcessMappings;
  readonly #fileMap: FileMap;
  readonly #links: BpfLink[] = [];
  readonly #stop = new AbortController();
  readonly #queue = new WantedPages();
  /** Holds what this window missed. */
  readonly #ahead = new ReadAhead();
  readonly #pace = new AheadPace();
  /** The file whose pages are being compiled and loaded. */
  #loading: CodeFile | undefined;
  readonly #holder: Disposable;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wantsSeen = 0;
  #pollMs = POLL_MS;
  #serving: Promise<void> | undefined;

  /**
   * Loads its maps and programs.
   *
   * @throws {Error} when the kernel refuses
   */
  static open(
    { memoryBytes = 32 << 20, objectPath = UNWIND_OBJECT, downloads, kept }: UnwinderOptions = {},
  ): Unwinder {
    using stack = new DisposableStack();
    const object = stack.use(BpfObject.open(objectPath));
    const chunkBytes = CHUNK_BYTES + PAGES_PER_CHUNK * PAGE_ENTRY_BYTES;
    const maxChunks = Math.max(1, Math.floor(memoryBytes / chunkBytes));
    object.setConstants({ pid_namespace: pidNamespace() });
    object.map("unwind_chunks").setMaxEntries(maxChunks);
    object.map("unwind_pages").setMaxEntries(Math.max(LEAST_PAGES, maxChunks * PAGES_PER_CHUNK));
    object.load();
    const unwinder = new Unwinder(object, { maxChunks, downloads, kept });
    stack.move();
    return unwinder;
  }

  private constructor(
    object: BpfObject,
    { maxChunks, downloads, kept }: { maxChunks: number } & Pick<UnwinderOptions, "downloads" | "kept">,
  ) {
    this.#object = object;
    this.#tables = new TableCompiler({ downloads, kept });
    const [rules, chunks, pages] = ["rules", "chunks", "pages"].map((name) => object.map(`unwind_${name}`));
    this.#control = object.map("unwind_control").mapMemory();
    this.#windows = new WalkWindows({ tell: (window) => this.#control.words()[0] = window });
    this.#pages = new PageStore(
      { rules: rules!, chunks: chunks!, pages: pages! },
      {
        ...{ maxChunks, windows: this.#windows },
        onGone: (id) => {
          const file = this.files.get(id);
          if (file) this.#tables.forget(file);
        },
      },
    );
    const shared = { files: this.files, tables: this.#tables, processes: this.processes };
    this.#mappings = new ProcessMappings(
      { mappings: object.map("unwind_mappings"), processes: object.map("unwind_processes") },
      shared,
    );
    this.#fileMap = new FileMap(object.map("unwind_files"), shared);
    this.#holder = this.files.addHolder(() => this.#fileIds());
    for (const name of ["process_exec", "process_exit"]) {
      try {
        this.#links.push(object.program(name).attach());
      } catch (error) {
        // What runs is then seen as another program when it is read anew, at the end of a window.
        logger.warning("Cannot follow {name}: {error}", { name, error });
      }
    }
    this.#control.words()[2] = this.files.vdso()?.id ?? 0;
    this.#pollIn(SOON_MS);
  }

  get stats(): UnwinderStats {
    const memoryBytes = SHARED_MAPS.reduce((sum, name) => sum + this.#object.map(name).memoryBytes(), 0) +
      this.#pages.memoryBytes;
    const { files, refused } = this.files.stats;
    return {
      pages: this.#pages.stats,
      files: { files, refused },
      tables: this.#tables.stats,
      mappings: this.#mappings.stats,
      memoryBytes,
    };
  }

  /** Makes `object`, which includes `bpf/user_stack.h` and is not loaded yet, walk by what this unwinder knows. */
  share(object: BpfObject): void {
    for (const name of SHARED_MAPS) object.map(name).share(this.#object.map(name));
    object.setConstants({ use_unwinder: 1 });
  }

  /** Call after a window's drain: forgets processes that exited, and looks anew at those that had samples. */
  endWindow(): void {
    this.#mappings.endWindow(this.#windows.since);
    this.#ahead.clear();
    this.#windows.end();
  }

  /**
   * Reads what a process has mapped, and begins to load the tables of its files, before it has samples: of large files
   * those pages alone that samples miss.
   *
   * @returns how many files these are; 0 where the process is gone
   */
  warm(pid: number): number {
    const { files, likely } = this.#mappings.observe(pid, this.#windows.now);
    for (const file of files) if (!this.#tables.isWhole(file)) this.#queue.expect(file);
    for (const one of likely) this.#expect(one);
    this.onProcess?.(pid);
    return files.size;
  }

  /** Resolves when all that was missed so far is loaded. */
  async settle(): Promise<void> {
    this.#poll();
    if (!this.#serving && this.#queue.size > 0) this.#startServing();
    await this.#serving;
  }

  /**
   * Resolves after so many ms, in which pages are loaded that nobody has missed, near those that this window missed. What
   * is missed meanwhile comes first.
   */
  async readAhead(ms: number): Promise<void> {
    this.#pace.allow(ms);
    if (!this.#serving) this.#startServing();
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  /**
   * Loads such pages from now on for this part of the time, and looks more often for those that are missed: a program that
   * is large and begins while others are watched has its stacks cut for its first second otherwise.
   */
  keepReadingAhead(share: number): void {
    this.#pollMs = SHORT_RUN_POLL_MS;
    this.#pace.keep(share);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort();
    await this.#serving;
    this.#holder[Symbol.dispose]();
    for (const link of this.#links) link[Symbol.dispose]();
    await this.#pages[Symbol.asyncDispose]();
    this.#control[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }

  /** @param busy how often in a row there was something on the lists */
  #pollIn(ms: number, busy = 0): void {
    this.#timer = setTimeout(async () => {
      this.#poll();
      const missed = this.#serving !== undefined;
      await this.#serving;
      if (this.#stop.signal.aborted) return;
      if (missed) this.#pollIn(busy < MAX_SOON ? SOON_MS : this.#pollMs, busy + 1);
      else this.#pollIn(Math.min(this.#pollMs, 2 * ms));
    }, untilBeat(ms));
  }

  #poll(): void {
    if (this.#serving) return;
    const wanted = this.#control.words()[1] !== this.#wantsSeen;
    if (wanted || this.#pace.due || this.#pages.isDue) this.#startServing();
  }

  #startServing(): void {
    this.#serving = this.#serve().catch((error) => {
      if (!this.#stop.signal.aborted) logger.error("Cannot load what samples miss: {error}", { error });
    }).finally(() => {
      this.#pages.rest();
      this.#serving = undefined;
    });
  }

  /** Loads what is on the lists, until there is nothing more on them: some pages of a file at a time. */
  async #serve(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.#pages.isDue) await this.#pages.tidy();
      const wants = this.#control.words()[1]!;
      if (wants !== this.#wantsSeen) {
        // Before the lists are read: what comes while they are is looked at in the next turn.
        this.#wantsSeen = wants;
        this.#readProcesses();
        this.#readFiles();
        this.#readPages();
      }
      const missed = this.#queue.take();
      const turn = missed ?? this.#takeAhead();
      if (!turn) return;
      const { file: next, pages } = turn;
      this.#loading = next;
      // Nothing comes along with what is read ahead, nor with a page while others wait.
      const hurried = missed === undefined || this.#queue.size > 0;
      const begun = performance.now();
      await this.#load(next, pages, { hurried, ahead: missed === undefined })
        .finally(() => this.#loading = undefined);
      if (missed === undefined) this.#pace.took(performance.now() - begun);
      // After its pages, for walks need these first, and before larger files, as its process may end soon.
      this.onFile?.(next);
    }
  }

  #takeAhead(): Turn | undefined {
    if (!this.#pace.due) return undefined;
    const turn = this.#ahead.next(this.#pages, { most: this.#pace.most });
    if (turn === undefined) this.#pace.foundNothing();
    return turn;
  }

  #readProcesses(): void {
    const wanted: { pid: number; address: number }[] = [];
    this.#object.map("unwind_wanted_processes").drain(({ count, keys, values }) => {
      for (let i = 0; i < count; i++) {
        wanted.push({ pid: keys.getUint32(i * 4, true), address: Number(values.getBigUint64(i * 8, true)) });
      }
    });
    for (const { pid, address } of wanted) {
      const expected = this.#mappings.want(pid, { address, window: this.#windows.now });
      if (expected === undefined) continue;
      this.onProcess?.(pid);
      for (const likely of expected) this.#expect(likely);
    }
  }

  #readFiles(): void {
    const observed: ObservedFile[] = [];
    this.#object.map("unwind_wanted_files").drain(({ count, keys, values }) => {
      for (let i = 0; i < count; i++) {
        observed.push(
          readObservedFile(entryOf(keys, i, FILE_KEY.size), entryOf(values, i, WANTED_FILE.size)),
        );
      }
    });
    for (const file of observed) {
      const likely = this.#fileMap.observe(file);
      if (likely) this.#expect(likely);
    }
  }

  #expect({ file, address }: Likely): void {
    if (this.#tables.isWhole(file)) return;
    // Headers may say anything.
    if (address !== undefined && address >= 0 && address < MAX_ADDRESS) {
      this.#queue.add(file, Math.floor(address / PAGE_BYTES));
    } else {
      this.#queue.expect(file);
    }
  }

  #readPages(): void {
    this.#object.map("unwind_wanted_pages").drain(({ count, keys }) => {
      for (let i = 0; i < count; i++) {
        const file = this.files.get(keys.getUint32(i * 8, true));
        const page = keys.getUint32(i * 8 + 4, true);
        // No walk comes by a file that is given up any more; a page may have come since it was missed.
        if (!file || file.retired || this.#pages.has(file.id, page)) continue;
        this.#queue.add(file, page);
        this.#ahead.add(file, page);
      }
    });
  }

  /** Returns the ids that the kernel has, or will have. */
  *#fileIds(): Generator<number> {
    yield* this.#mappings.fileIds();
    yield* this.#fileMap.fileIds();
    yield* this.#pages.fileIds();
    for (const { id } of this.#queue.files()) yield id;
    if (this.#loading) yield this.#loading.id;
  }

  /** Loads the pages that are wanted, and all others of the file that come along. */
  async #load(
    file: CodeFile,
    wanted: ReadonlySet<number>,
    how: { hurried: boolean; ahead: boolean },
  ): Promise<void> {
    if (this.#tables.isTableless(file)) return;
    const { signal } = this.#stop;
    const store = this.#pages;
    for await (const { table, pages } of this.#tables.compile(file, { wanted, store, signal, ...how })) {
      for (const page of pages) await this.#pages.load(file.id, page, { table });
    }
    if (!this.#tables.isTableless(file)) return;
    this.#mappings.withoutTable(file);
    this.#fileMap.withoutTable(file);
  }
}

/** Returns a copy of entry `i` of the keys or values of a batch, which are of `bytes` each. */
function entryOf(
  { buffer, byteOffset }: DataView<ArrayBuffer>,
  i: number,
  bytes: number,
): DataView<ArrayBuffer> {
  const from = byteOffset + i * bytes;
  return new DataView(buffer.slice(from, from + bytes));
}
