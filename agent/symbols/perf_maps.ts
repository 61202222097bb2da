/**
 * The perf maps of the processes that have one.
 *
 * @module
 */

import type { Process } from "../metadata/processes.ts";
import { PerfMap } from "./perf_map.ts";
import { RegularFile } from "./regular_file.ts";

const CHUNK_BYTES = 1 << 20;
/** Windows without a question after which a map is forgotten. */
const IDLE_WINDOWS = 6;

interface Entry {
  readonly map: PerfMap;
  readonly startTime: number;
  inode: number;
  /** How far the file was read. */
  read: number;
  window: number;
}

export interface PerfMapsOptions {
  /** Of one file; what stands beyond is not read. @default {32 MiB} */
  fileBytes?: number;
  /** Of all maps as they are held; beyond it the ones that were not asked for longest go. @default {128 MiB} */
  totalBytes?: number;
}

/** Finds JIT code by process; a map is looked at again once a window, and only what was appended is read. */
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

  /** The name that `process` itself gave to its code at `address`. */
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
      window: this.#window,
    });
    using file = open(process);
    if (file === undefined) return before ? Object.assign(before, { window: this.#window }) : fresh();
    const same = before && before.inode === file.inode && file.size >= before.read;
    const entry: Entry = same ? before : fresh();
    entry.inode = file.inode;
    entry.window = this.#window;
    const limit = Math.min(file.size, this.#fileBytes);
    while (entry.read < limit) {
      const bytes = file.read(entry.read, Math.min(CHUNK_BYTES, limit - entry.read));
      if (bytes.length === 0) break;
      entry.map.append(bytes);
      entry.read += bytes.length;
    }
    return entry;
  }
}

/** Only a map that the process's own user, or root, wrote: /tmp is everyone's. */
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
