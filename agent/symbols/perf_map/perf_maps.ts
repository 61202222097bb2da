// SPDX-License-Identifier: Apache-2.0
/**
 * The perf maps of the processes that have one.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { Process } from "../../metadata/processes.ts";
import { PerfMap } from "./perf_map.ts";
import { RegularFile } from "../../../symbols/elf/regular_file.ts";
import { ReadingTime } from "../reading_time.ts";

const CHUNK_BYTES = 1 << 20;
/** Windows without a question after which a map is forgotten. */
const IDLE_WINDOWS = 6;

interface Entry {
  readonly map: PerfMap;
  readonly startTime: number;
  inode: number;
  /** The file was read up to here, and that has this checksum. */
  read: number;
  checksum: number;
  /** The file was in this state then. */
  identity: string;
  window: number;
}

export interface PerfMapsOptions {
  /** One file may have so many bytes; what stands beyond is not read. @default {32 MiB} */
  fileBytes?: number;
  /**
   * One map may take so many bytes in memory, about: of short lines that is ten times as much as in the file; what stands
   * beyond is not read. @default {64 MiB}
   */
  mapBytes?: number;
  /**
   * All maps together may take so many bytes; beyond it the ones that were not asked for longest go. @default {128 MiB}
   */
  totalBytes?: number;
  /** Maps may be read for so long in one window, in ms; the one that passes it is read to its end. @default {1000} */
  coldMs?: number;
  /** Returns the time in ms. @default {performance.now} */
  clock?: () => number;
}

/**
 * Finds JIT code by process; a map is looked at again once a window.
 *
 * Most runtimes append to their map, and only that is parsed. The JVM writes it anew, in the same file: so where a file
 * changed, what was read of it is held to its checksum, at about a GB/s, and all is parsed when it is another.
 */
export class PerfMaps {
  readonly #fileBytes: number;
  readonly #mapBytes: number;
  readonly #totalBytes: number;
  readonly #reading: ReadingTime;
  readonly #entries = new Map<number, Entry>();
  #window = 0;
  #postponed = 0;

  constructor(options: PerfMapsOptions = {}) {
    const { fileBytes = 32 << 20, mapBytes = 64 << 20, totalBytes = 128 << 20 } = options;
    const { coldMs = 1000, clock = () => performance.now() } = options;
    this.#fileBytes = fileBytes;
    this.#mapBytes = mapBytes;
    this.#totalBytes = totalBytes;
    this.#reading = new ReadingTime(coldMs, clock);
  }

  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { map }) => sum + map.bytes, 0);
  }

  /** Counts, since the start, questions to maps that could not be looked at for now, as others took too long. */
  get postponed(): number {
    return this.#postponed;
  }

  /** Reads nothing more in `ms` from now on. */
  endReadingIn(ms: number): void {
    this.#reading.endIn(ms);
  }

  endWindow(): void {
    this.#window++;
    this.#reading.renew();
    for (const [pid, { window }] of this.#entries) {
      if (this.#window - window > IDLE_WINDOWS) this.#entries.delete(pid);
    }
  }

  /** Returns the name that `process` itself gave to its code at `address`. */
  find(process: Process, address: number): string | undefined {
    return this.#of(process)?.map.find(address);
  }

  #of(process: Process): Entry | undefined {
    const known = this.#entries.get(process.pid);
    const before = known?.startTime === process.startTime ? known : undefined;
    if (before?.window === this.#window) return before;
    if (this.#reading.isOver) {
      this.#postponed++;
      return before;
    }
    const entry = this.#reading.spend(() => this.#refresh(process, before));
    this.#entries.delete(process.pid);
    let held = this.bytes + entry.map.bytes;
    for (const [pid, { map }] of this.#entries) {
      if (held <= this.#totalBytes) break;
      held -= map.bytes;
      this.#entries.delete(pid);
    }
    this.#entries.set(process.pid, entry);
    return entry;
  }

  #refresh(process: Process, before: Entry | undefined): Entry {
    const fresh = () => ({
      map: new PerfMap(),
      startTime: process.startTime,
      inode: 0,
      read: 0,
      checksum: 0,
      identity: "",
      window: this.#window,
    });
    using file = open(process);
    if (file === undefined) return before ? Object.assign(before, { window: this.#window }) : fresh();
    const entry: Entry = before && isContinued(before, file) ? before : fresh();
    entry.inode = file.inode;
    entry.identity = file.identity;
    entry.window = this.#window;
    for (const bytes of chunks(file, entry.read, Math.min(file.size, this.#fileBytes))) {
      if (entry.map.bytes >= this.#mapBytes) break;
      entry.map.append(bytes);
      entry.read += bytes.length;
      entry.checksum = crc32(bytes, entry.checksum);
    }
    entry.map.prepare();
    return entry;
  }
}

/** Tells whether the file still begins with what was read of it. */
function isContinued({ inode, identity, read, checksum }: Entry, file: RegularFile): boolean {
  if (inode !== file.inode || file.size < read) return false;
  if (identity === file.identity) return true;
  let found = 0;
  for (const bytes of chunks(file, 0, read)) found = crc32(bytes, found);
  return found === checksum;
}

function* chunks(file: RegularFile, from: number, to: number): Generator<Uint8Array> {
  while (from < to) {
    const bytes = file.read(from, Math.min(CHUNK_BYTES, to - from));
    if (bytes.length === 0) return;
    yield bytes;
    from += bytes.length;
  }
}

/** Opens a map that the process's own user, or root, wrote, and no other: /tmp is everyone's. */
function open({ folder, ownPid }: Process): RegularFile | undefined {
  const file = RegularFile.open(`${folder}/root/tmp/perf-${ownPid}.map`, { follow: false });
  if (file === undefined || file.uid === 0 || file.uid === ownerOf(folder)) return file;
  file[Symbol.dispose]();
  return undefined;
}

function ownerOf(folder: string): number | null {
  try {
    return Deno.statSync(folder).uid;
  } catch {
    return null;
  }
}
