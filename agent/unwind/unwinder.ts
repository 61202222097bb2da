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
import { type BpfLink, BpfObject, type MappedMemory } from "../libbpf/mod.ts";
import { pidNamespace } from "../collectors/pid_namespace.ts";
import { type CodeFile, CodeFiles, type FileStats } from "./code_files.ts";
import { type MappingStats, ProcessMappings } from "./mappings.ts";
import { CHUNK_BYTES, type PageStats, PageStore } from "./page_store.ts";
import { PAGE_BYTES, type UnwindTable } from "./table.ts";

const logger = getLogger(["aperture", "unwind"]);

export const UNWIND_OBJECT = new URL("../../bpf/build/unwind.bpf.o", import.meta.url).pathname;
/** The maps that all objects use together. */
export const SHARED_MAPS: readonly string[] = [
  "unwind_rules",
  "unwind_chunks",
  "unwind_pages",
  "unwind_mappings",
  "unwind_processes",
  "unwind_wanted_processes",
  "unwind_wanted_pages",
  "unwind_control",
];
/** How often the lists are looked at, in ms. */
const POLL_MS = 50;
/** Pages for each chunk: more than there are where a page has 1,000 rows, as is usual. */
const PAGES_PER_CHUNK = 512;
const LEAST_PAGES = 1024;
/** What an entry of the map of pages takes. */
const PAGE_ENTRY_BYTES = 120;
/** A file with more rows than that, 8 MiB, is loaded page by page. */
const WHOLE_FILE_ROWS = 2 << 20;

export interface UnwinderOptions {
  /** What pages may use of the kernel's memory, in bytes; mappings use little beside it. @default {32 MiB} */
  memoryBytes?: number;
  /** @default {bpf/build/unwind.bpf.o of this source tree} */
  objectPath?: string;
}

export interface UnwinderStats {
  readonly pages: PageStats;
  readonly files: FileStats;
  readonly mappings: MappingStats;
  /** What its maps use of the kernel's memory, in bytes. */
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
  /** Called when a process had its first sample, and again when code of it was hit that was not mapped before. */
  onProcess: ((pid: number) => void) | undefined;
  readonly #object: BpfObject;
  readonly #control: MappedMemory;
  readonly #pages: PageStore;
  readonly #files = new CodeFiles();
  readonly #mappings: ProcessMappings;
  readonly #links: BpfLink[] = [];
  readonly #stop = new AbortController();
  /** Files to be loaded, with the pages that samples missed; none where one is only likely to be wanted. */
  readonly #queue = new Map<CodeFile, Set<number>>();
  /** Files that were loaded whole; pages of theirs that are given up come back one by one. */
  readonly #whole = new WeakSet<CodeFile>();
  readonly #timer: ReturnType<typeof setInterval>;
  #window = 1;
  #wantsSeen = 0;
  #serving: Promise<void> | undefined;

  /**
   * Loads its maps and programs.
   *
   * @throws {Error} when the kernel refuses
   */
  static open({ memoryBytes = 32 << 20, objectPath = UNWIND_OBJECT }: UnwinderOptions = {}): Unwinder {
    using stack = new DisposableStack();
    const object = stack.use(BpfObject.open(objectPath));
    const chunkBytes = CHUNK_BYTES + PAGES_PER_CHUNK * PAGE_ENTRY_BYTES;
    const maxChunks = Math.max(1, Math.floor(memoryBytes / chunkBytes));
    object.setConstants({ pid_namespace: pidNamespace() });
    object.map("unwind_chunks").setMaxEntries(maxChunks);
    object.map("unwind_pages").setMaxEntries(Math.max(LEAST_PAGES, maxChunks * PAGES_PER_CHUNK));
    object.load();
    const unwinder = new Unwinder(object, maxChunks);
    stack.move();
    return unwinder;
  }

  private constructor(object: BpfObject, maxChunks: number) {
    this.#object = object;
    const [rules, chunks, pages] = ["rules", "chunks", "pages"].map((name) => object.map(`unwind_${name}`));
    this.#control = object.map("unwind_control").mapMemory();
    this.#pages = new PageStore({ rules: rules!, chunks: chunks!, pages: pages! }, { maxChunks });
    this.#mappings = new ProcessMappings(
      { mappings: object.map("unwind_mappings"), processes: object.map("unwind_processes") },
      { files: this.#files },
    );
    for (const name of ["process_exec", "process_exit"]) {
      try {
        this.#links.push(object.program(name).attach());
      } catch (error) {
        // What runs is then seen as another program when it is read anew, at the end of a window.
        logger.warning("Cannot follow {name}: {error}", { name, error });
      }
    }
    this.#control.words()[0] = this.#window;
    this.#timer = setInterval(() => this.#poll(), POLL_MS);
  }

  get stats(): UnwinderStats {
    const memoryBytes = SHARED_MAPS.reduce((sum, name) => sum + this.#object.map(name).memoryBytes(), 0) +
      this.#pages.memoryBytes;
    return {
      pages: this.#pages.stats,
      files: this.#files.stats,
      mappings: this.#mappings.stats,
      memoryBytes,
    };
  }

  /** Before `object`, which includes `bpf/user_stack.h`, is loaded: it walks by what this unwinder knows. */
  share(object: BpfObject): void {
    for (const name of SHARED_MAPS) object.map(name).share(this.#object.map(name));
    object.setConstants({ use_unwinder: 1 });
  }

  /** Call after a window's drain: forgets processes that exited, and looks anew at those that had samples. */
  endWindow(): void {
    this.#mappings.endWindow(this.#window);
    this.#window++;
    this.#control.words()[0] = this.#window;
  }

  /** Resolves when all that was missed so far is loaded. */
  async settle(): Promise<void> {
    this.#poll();
    await this.#serving;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#serving;
    for (const link of this.#links) link[Symbol.dispose]();
    this.#pages[Symbol.dispose]();
    this.#control[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }

  #poll(): void {
    if (this.#serving || this.#control.words()[1] === this.#wantsSeen) return;
    this.#serving = this.#serve().catch((error) => {
      if (!this.#stop.signal.aborted) logger.error("Cannot load what samples miss: {error}", { error });
    }).finally(() => this.#serving = undefined);
  }

  /** Loads what is on the lists, until there is nothing more on them: a file at a time, the smallest first. */
  async #serve(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const wants = this.#control.words()[1]!;
      if (wants !== this.#wantsSeen) {
        // Before the lists are read: what comes while they are is looked at in the next turn.
        this.#wantsSeen = wants;
        this.#readProcesses();
        this.#readPages();
      }
      const [next] = [...this.#queue.keys()].sort((a, b) => codeBytes(a) - codeBytes(b));
      if (!next) return;
      const pages = this.#queue.get(next)!;
      this.#queue.delete(next);
      await this.#load(next, pages);
    }
  }

  #readProcesses(): void {
    const wanted: { pid: number; address: number }[] = [];
    this.#object.map("unwind_wanted_processes").drain(({ count, keys, values }) => {
      for (let i = 0; i < count; i++) {
        wanted.push({ pid: keys.getUint32(i * 4, true), address: Number(values.getBigUint64(i * 8, true)) });
      }
    });
    for (const { pid, address } of wanted) {
      this.onProcess?.(pid);
      for (const file of this.#mappings.want(pid, { address, window: this.#window })) {
        if (!this.#whole.has(file)) this.#enqueue(file);
      }
    }
  }

  #readPages(): void {
    this.#object.map("unwind_wanted_pages").drain(({ count, keys }) => {
      for (let i = 0; i < count; i++) {
        const file = this.#files.get(keys.getUint32(i * 8, true));
        if (file) this.#enqueue(file).add(keys.getUint32(i * 8 + 4, true));
      }
    });
  }

  /** The pages of `file` that are to be loaded at least. */
  #enqueue(file: CodeFile): Set<number> {
    let pages = this.#queue.get(file);
    if (!pages) this.#queue.set(file, pages = new Set());
    return pages;
  }

  /** Loads the whole of a file where there is room to spare, else the pages that are wanted. */
  async #load(file: CodeFile, pages: Set<number>): Promise<void> {
    if (file.tableless) return;
    const table = await this.#files.table(file, this.#stop.signal);
    if (table === undefined) return;
    if (file.tableless) return this.#mappings.withoutTable(file);
    const window = this.#window;
    const { length } = table.rows;
    const whole = length <= WHOLE_FILE_ROWS && !this.#whole.has(file) && this.#pages.hasRoomFor(length);
    if (whole) { for (const page of pagesOf(file, table)) pages.add(page); }
    for (const page of pages) await this.#pages.load(file.id, page, { table, window });
    if (!whole) return;
    this.#whole.add(file);
    this.#files.release(file);
  }
}

/** How much there is to compile, about. */
function codeBytes({ segments }: CodeFile): number {
  return segments.reduce((sum, { fileSize, executable }) => sum + (executable ? fileSize : 0), 0);
}

/** The pages of all code of a file, those without rules, too: then no sample misses one. */
function pagesOf({ segments }: CodeFile, table: UnwindTable): Set<number> {
  const pages = new Set<number>(table.pages);
  for (const { address, fileSize, executable } of segments) {
    if (!executable) continue;
    const last = Math.floor((address + fileSize - 1) / PAGE_BYTES);
    for (let page = Math.floor(address / PAGE_BYTES); page <= last; page++) pages.add(page);
  }
  return pages;
}
