// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what was not yet acknowledged: in memory, then in files, within bounds.
 *
 * All of it is synchronous, files included: they are written only while pushing fails, are no larger than one
 * message, and nothing can come between two steps.
 *
 * @module
 */

import { join } from "node:path";
import { crc32 } from "node:zlib";

/** Says why a batch was dropped: no room, its file was damaged, the aggregator refused it, or it was too large. */
export type DropReason = "spool_full" | "spool_corrupt" | "refused" | "too_large";

export interface SpoolOptions {
  /** @default {67108864} */
  readonly maxMemoryBytes?: number;
  /** A folder for what memory has no room for, and for what is left when the agent stops. @default {none} */
  readonly directory?: string | undefined;
  /** @default {1073741824} */
  readonly maxDiskBytes?: number;
  /** It is called for every batch that is dropped; `samples` is 0 where they are not known. */
  readonly onDrop?: (reason: DropReason, samples: number, cause?: unknown) => void;
  /** It is called each time that the folder does not take a batch. */
  readonly onWriteFailure?: (cause: unknown) => void;
}

/** One batch that waits. */
export interface SpoolEntry {
  /** It is the size of the encoded batch, in bytes. */
  readonly size: number;
  /** This many samples would be lost with it. */
  readonly samples: number;
}

interface Entry extends SpoolEntry {
  /** Says where it is: exactly one of the two is there. */
  bytes: Uint8Array | undefined;
  path: string | undefined;
}

/**
 * A queue of encoded batches, the oldest first.
 *
 * When memory is full the oldest go to files, where there is a folder; when that is full, too, the oldest are
 * dropped. Files are named by their place in the queue; each begins with a checksum, so that one which was cut
 * short by a crash is noticed.
 */
export class Spool {
  readonly #maxMemoryBytes: number;
  readonly #maxDiskBytes: number;
  readonly #directory: string | undefined;
  readonly #onDrop: NonNullable<SpoolOptions["onDrop"]>;
  readonly #onWriteFailure: NonNullable<SpoolOptions["onWriteFailure"]>;
  readonly #entries: Entry[] = [];
  /** It is being sent: neither dropped nor moved. */
  #held: Entry | undefined;
  #memoryBytes = 0;
  #diskBytes = 0;
  #nextFile = 1;
  #writeFailures = 0;

  /** @throws {Error} when the folder cannot be made, read or written to */
  constructor(options: SpoolOptions = {}) {
    const { maxMemoryBytes = 64 * 2 ** 20, maxDiskBytes = 2 ** 30, directory, onDrop = () => {} } = options;
    this.#maxMemoryBytes = maxMemoryBytes;
    this.#maxDiskBytes = maxDiskBytes;
    this.#directory = directory;
    this.#onDrop = onDrop;
    this.#onWriteFailure = options.onWriteFailure ?? (() => {});
    if (directory !== undefined) {
      try {
        this.#recover(directory);
      } catch (cause) {
        throw new Error(`Cannot use the spool's folder: ${(cause as Error).message}`, { cause });
      }
    }
    this.#fit();
  }

  /** Counts the batches that wait. */
  get length(): number {
    return this.#entries.length;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get diskBytes(): number {
    return this.#diskBytes;
  }

  /** Counts the batches that the folder did not take, since the start. */
  get writeFailures(): number {
    return this.#writeFailures;
  }

  /** Puts a batch at the end; makes room if need be. */
  add(bytes: Uint8Array, { samples }: { samples: number }): void {
    this.#entries.push({ size: bytes.length, samples, bytes, path: undefined });
    this.#memoryBytes += bytes.length;
    this.#fit();
  }

  /**
   * Returns the oldest batch, which stays until one of {@linkcode remove}, {@linkcode drop}, {@linkcode replace},
   * {@linkcode postpone} or {@linkcode release} is called with it.
   */
  hold(): { entry: SpoolEntry; bytes: Uint8Array } | undefined {
    for (;;) {
      const entry = this.#entries[0];
      if (!entry) return undefined;
      try {
        const bytes = entry.bytes ?? readSpoolFile(entry.path!);
        this.#held = entry;
        return { entry, bytes };
      } catch (error) {
        this.#drop(entry, "spool_corrupt", error);
      }
    }
  }

  /** It was not acknowledged, and stays where it is. */
  release(): void {
    this.#held = undefined;
    this.#fit();
  }

  /** It was acknowledged. */
  remove(entry: SpoolEntry): void {
    this.#take(entry as Entry);
  }

  /** It will never be acknowledged. */
  drop(entry: SpoolEntry, reason: DropReason): void {
    this.#drop(entry as Entry, reason);
  }

  /** Puts `parts` in its place. */
  replace(entry: SpoolEntry, parts: readonly { bytes: Uint8Array; samples: number }[]): void {
    this.#take(entry as Entry);
    for (const { bytes, samples } of parts.toReversed()) {
      this.#entries.unshift({ size: bytes.length, samples, bytes, path: undefined });
      this.#memoryBytes += bytes.length;
    }
    this.#fit();
  }

  /** Lets the others go first. */
  postpone(entry: SpoolEntry): void {
    const at = this.#entries.indexOf(entry as Entry);
    this.#entries.push(...this.#entries.splice(at, 1));
    this.release();
  }

  /** Writes what is in memory to files, where there is a folder; for when the agent stops. */
  persist(): void {
    this.#held = undefined;
    if (this.#directory === undefined) return;
    for (const entry of [...this.#entries]) {
      if (entry.bytes && !this.#toDisk(entry)) this.#drop(entry, "spool_full");
    }
    this.#fit();
  }

  /** Keeps to both bounds. */
  #fit(): void {
    while (this.#memoryBytes > this.#maxMemoryBytes) {
      const oldest = this.#entries.find((entry) => entry.bytes && entry !== this.#held);
      if (!oldest) return;
      if (!this.#toDisk(oldest)) this.#drop(oldest, "spool_full");
    }
    while (this.#diskBytes > this.#maxDiskBytes) {
      const oldest = this.#entries.find((entry) => entry.path && entry !== this.#held);
      if (!oldest) return;
      this.#drop(oldest, "spool_full");
    }
  }

  /** Returns false when there is no folder, or no room in it even without all that is older. */
  #toDisk(entry: Entry): boolean {
    if (this.#directory === undefined || entry.size > this.#maxDiskBytes) return false;
    const path = join(this.#directory, `${String(this.#nextFile++).padStart(12, "0")}${FILE_END}`);
    const temporary = `${path}.tmp`;
    try {
      Deno.writeFileSync(temporary, encodeSpoolFile(entry.bytes!, entry.samples), { mode: 0o600 });
      Deno.renameSync(temporary, path);
    } catch (error) {
      // A full or broken disk: as if there were none.
      removeFile(temporary);
      this.#writeFailures++;
      this.#onWriteFailure(error);
      return false;
    }
    entry.bytes = undefined;
    entry.path = path;
    this.#memoryBytes -= entry.size;
    this.#diskBytes += entry.size;
    return true;
  }

  #drop(entry: Entry, reason: DropReason, cause?: unknown): void {
    this.#take(entry);
    this.#onDrop(reason, entry.samples, cause);
  }

  #take(entry: Entry): void {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return;
    this.#entries.splice(at, 1);
    if (this.#held === entry) this.#held = undefined;
    if (entry.bytes) this.#memoryBytes -= entry.size;
    if (entry.path !== undefined) {
      this.#diskBytes -= entry.size;
      removeFile(entry.path);
    }
  }

  /** Takes over what an earlier run left, and removes what it had not finished writing. */
  #recover(directory: string): void {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
    const probe = join(directory, `probe${FILE_END}.tmp`);
    Deno.writeFileSync(probe, new Uint8Array());
    const names = [...Deno.readDirSync(directory)].filter((e) => e.isFile).map(({ name }) => name).sort();
    for (const name of names) {
      const path = join(directory, name);
      if (name.endsWith(`${FILE_END}.tmp`)) removeFile(path);
      if (!name.endsWith(FILE_END)) continue;
      this.#nextFile = Math.max(this.#nextFile, (parseInt(name) || 0) + 1);
      try {
        const entry: Entry = { ...examineSpoolFile(path), bytes: undefined, path };
        this.#entries.push(entry);
        this.#diskBytes += entry.size;
      } catch (error) {
        removeFile(path);
        this.#onDrop("spool_corrupt", 0, error);
      }
    }
  }
}

const FILE_END = ".batch";
/** "APS1", the checksum of what follows it, and the number of samples. */
const MAGIC = 0x41505331;
const HEADER_BYTES = 16;

function encodeSpoolFile(bytes: Uint8Array, samples: number): Uint8Array {
  const file = new Uint8Array(HEADER_BYTES + bytes.length);
  const view = new DataView(file.buffer);
  view.setUint32(0, MAGIC);
  view.setFloat64(8, samples);
  file.set(bytes, HEADER_BYTES);
  view.setUint32(4, crc32(file.subarray(8)));
  return file;
}

/** @throws {Error} when the file is not what was written */
function readSpoolFile(path: string): Uint8Array {
  const file = Deno.readFileSync(path);
  const view = new DataView(file.buffer);
  if (file.length <= HEADER_BYTES || view.getUint32(4) !== crc32(file.subarray(8))) throw damaged(path);
  return file.subarray(HEADER_BYTES);
}

/**
 * Returns size and samples by the header alone: there may be many files; the checksum has its time when one is sent.
 */
function examineSpoolFile(path: string): { size: number; samples: number } {
  using file = Deno.openSync(path);
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  if (file.readSync(header) !== HEADER_BYTES || view.getUint32(0) !== MAGIC) throw damaged(path);
  const samples = view.getFloat64(8);
  // It is told of as lost where the rest is damaged, too: so it has to be a number.
  if (!Number.isSafeInteger(samples) || samples < 0) throw damaged(path);
  return { size: file.statSync().size - HEADER_BYTES, samples };
}

function damaged(path: string): Error {
  return new Error(`Cannot read the spooled batch "${path}" as it is damaged`);
}

/** Removes a file; one that cannot be comes back at the next start, and is a duplicate to the aggregator. */
function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone, or its disk cannot be written to any more.
  }
}
