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
   * All maps together may take so many bytes; beyond it the ones that were not asked for longest go. @default {128 MiB}
   */
  totalBytes?: number;
}

/**
 * Finds JIT code by process; a map is looked at again once a window.
 *
 * Most runtimes append to their map, and only that is parsed. The JVM writes it anew, in the same file: so where a file
 * changed, what was read of it is held to its checksum, at about a GB/s, and all is parsed when it is another.
 */
export class PerfMaps {
  readonly #fileBytes: number;
  readonly #totalBytes: number;
  readonly #entries = new Map<number, Entry>();
  #window = 0;

  constructor({ fileBytes = 32 << 20, totalBytes = 128 << 20 }: PerfMapsOptions = {}) {
    this.#fileBytes = fileBytes;
    this.#totalBytes = totalBytes;
  }

  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { map }) => sum + map.bytes, 0);
  }

  endWindow(): void {
    this.#window++;
    for (const [pid, { window }] of this.#entries) {
      if (this.#window - window > IDLE_WINDOWS) this.#entries.delete(pid);
    }
  }

  /** Returns the name that `process` itself gave to its code at `address`. */
  find(process: Process, address: number): string | undefined {
    return this.#of(process).map.find(address);
  }

  #of(process: Process): Entry {
    let entry = this.#entries.get(process.pid);
    if (entry?.startTime !== process.startTime) entry = undefined;
    if (entry?.window === this.#window) return entry;
    entry = this.#refresh(process, entry);
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
      entry.map.append(bytes);
      entry.read += bytes.length;
      entry.checksum = crc32(bytes, entry.checksum);
    }
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
