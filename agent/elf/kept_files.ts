// SPDX-License-Identifier: Apache-2.0
/**
 * A folder of files of the agent's own, which outlive it, within a bound.
 *
 * A file's time of change is when it was last used, by which it is given up for others. Several agents may share a folder:
 * each may find a file gone that it knew.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** The end of a file's name while it is written. */
const UNFINISHED = ".tmp";
/** What is left unfinished for so long, in ms, nobody writes any more. */
const STALE_MS = 600_000;
/** A file that was used so lately, in ms, need not be marked again. */
const TOUCH_MS = 60_000;

export interface KeptFilesOptions {
  /** It is made where there is none. */
  readonly folder: string;
  /** The names of files end so; others in the folder are somebody else's. */
  readonly end: string;
  /** All files together may take so many bytes; the one that is written now may be above that. */
  readonly maxBytes: number;
  /** Returns the time in ms. @default {Date.now} */
  readonly clock?: (() => number) | undefined;
}

/** Is counted since the start, but for what is held now (`files`, `bytes`). */
export interface KeptFilesStats {
  readonly files: number;
  readonly bytes: number;
  /** Files that were given up for others. */
  readonly evicted: number;
}

/** Is counted of files of tables; a table is counted where it is read or written whole, else its pages are. */
export interface KeptTablesStats extends KeptFilesStats {
  /** Were found, and read. */
  readonly hits: number;
  readonly written: number;
  /** Could not be written. */
  readonly failed: number;
  /** Files that were not as they were written. */
  readonly damaged: number;
}

/** Is counted where there is no folder. */
export const NO_KEPT_TABLES: KeptTablesStats = {
  ...{ files: 0, bytes: 0, hits: 0, written: 0, evicted: 0, failed: 0, damaged: 0 },
};

interface Kept {
  bytes: number;
  /** It was last marked as used then, in ms. */
  usedAt: number;
  /** This process wrote it, or has looked at all of it. */
  checked: boolean;
}

/** Knows the files by name, and gives up the one that was used longest ago. */
export class KeptFiles {
  readonly #folder: string;
  readonly #end: string;
  readonly #maxBytes: number;
  readonly #clock: () => number;
  /** The one that was used longest ago is first. */
  readonly #files = new Map<string, Kept>();
  #bytes = 0;
  #evicted = 0;
  #unfinished = 0;

  /** @throws {Error} when the folder cannot be made or read, or is not this user's alone to write to */
  constructor({ folder, end, maxBytes, clock = Date.now }: KeptFilesOptions) {
    this.#folder = folder;
    this.#end = end;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode, isDirectory } = Deno.lstatSync(folder);
    // Whoever may change a file that is mapped may end who has it mapped.
    if (!isDirectory || uid !== Deno.uid() || (mode! & 0o022) !== 0) {
      throw new Error(`Cannot use ${folder} as others may write to it, or it is no folder`);
    }
    this.#find();
    this.#makeRoom();
  }

  get stats(): KeptFilesStats {
    return { files: this.#files.size, bytes: this.#bytes, evicted: this.#evicted };
  }

  /** Returns the name of the file of a key, which may be long, and have any character. */
  nameOf(key: string): string {
    return createHash("sha256").update(key).digest("hex") + this.#end;
  }

  pathOf(name: string): string {
    return `${this.#folder}/${name}`;
  }

  /** Returns the path of a file that is to be written; {@linkcode place} then gives it its name. */
  newPath(): string {
    return this.pathOf(`${Deno.pid}-${++this.#unfinished}${this.#end}${UNFINISHED}`);
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** Tells whether this process wrote the file, or has said that it looked at all of it. */
  isChecked(name: string): boolean {
    return this.#files.get(name)?.checked ?? false;
  }

  /** Notes that all of a file is as it was written. */
  setChecked(name: string): void {
    const known = this.#files.get(name);
    if (known) known.checked = true;
  }

  /** Gives the file at `path`, which this process wrote, its name, in place of another one that may have had that. */
  place(path: string, name: string, bytes: number): void {
    Deno.renameSync(path, this.pathOf(name));
    this.#forget(name);
    this.#add(name, { bytes, checked: true });
  }

  /** Notes that a file has so many bytes more. */
  grow(name: string, bytes: number): void {
    const { bytes: before, checked } = this.#files.get(name) ?? { bytes: 0, checked: true };
    this.#forget(name);
    this.#add(name, { bytes: before + bytes, checked });
  }

  /** Notes that a file is used. */
  use(name: string): void {
    const known = this.#files.get(name);
    if (known === undefined) return;
    this.#files.delete(name);
    this.#files.set(name, known);
    const now = this.#clock();
    if (now - known.usedAt < TOUCH_MS) return;
    known.usedAt = now;
    try {
      Deno.utimeSync(this.pathOf(name), new Date(now), new Date(now));
    } catch {
      // On a disk that cannot be written to nothing is given up either.
    }
  }

  /** Removes a file, if it is there. */
  remove(name: string): void {
    this.#forget(name);
    removeFile(this.pathOf(name));
  }

  #add(name: string, kept: Pick<Kept, "bytes" | "checked">): void {
    this.#files.set(name, { ...kept, usedAt: this.#clock() });
    this.#bytes += kept.bytes;
    this.#makeRoom(name);
  }

  /** Takes in what is there, and removes what was left unfinished. */
  #find(): void {
    const found: { name: string; bytes: number; usedAt: number }[] = [];
    for (const { name } of Deno.readDirSync(this.#folder)) {
      const isFinished = name.endsWith(this.#end);
      if (!isFinished && !name.endsWith(this.#end + UNFINISHED)) continue;
      try {
        const { size, mtime, isFile } = Deno.lstatSync(this.pathOf(name));
        const usedAt = mtime?.getTime() ?? 0;
        if (isFile && isFinished) found.push({ name, bytes: size, usedAt });
        else if (isFile && this.#clock() - usedAt > STALE_MS) removeFile(this.pathOf(name));
      } catch {
        // Another agent has given it up.
      }
    }
    for (const { name, ...known } of found.sort((a, b) => a.usedAt - b.usedAt)) {
      this.#files.set(name, { ...known, checked: false });
      this.#bytes += known.bytes;
    }
  }

  #makeRoom(newest?: string): void {
    for (const name of this.#files.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      if (name === newest) continue;
      this.remove(name);
      this.#evicted++;
    }
  }

  #forget(name: string): void {
    this.#bytes -= this.#files.get(name)?.bytes ?? 0;
    this.#files.delete(name);
  }
}

/** Removes a file, if it is there and the disk can be written to: else it is found again at the next start. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Nothing of it is needed.
  }
}
