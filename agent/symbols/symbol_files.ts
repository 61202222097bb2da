// SPDX-License-Identifier: Apache-2.0
/**
 * Symbol tables in files of the agent's own, which outlive it: they are mapped and searched where they are, and cost
 * memory only while they are looked at.
 *
 * A file is written under another name and put in place by a rename, so that several agents may share a folder. Its time
 * of change is when it was last used, by which it is given up for others.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { createHash } from "node:crypto";
import { Burst } from "../../common/log.ts";
import { SymbolImage } from "../../symbols/symbol_image.ts";
import { SymbolTable } from "../../symbols/symbol_table.ts";
import { MappedMemory } from "../libbpf/mod.ts";

/** All files have names that end so. */
const END = ".symbols";
const TEMPORARY = ".symbols.tmp";
/** What is left unfinished for so long, in ms, nobody writes any more. */
const STALE_MS = 600_000;
/** A file that was used so lately, in ms, need not be marked again. */
const TOUCH_MS = 60_000;

export interface SymbolFilesOptions {
  /** It is made where there is none. */
  readonly folder: string;
  /** All files together may take so many bytes; the one that is written now may be above that. */
  readonly maxBytes: number;
  /** Returns the time in ms. @default {Date.now} */
  readonly clock?: () => number;
}

/** Is counted since the start, but for what is held now (`files`, `bytes`). */
export interface SymbolFilesStats {
  readonly files: number;
  readonly bytes: number;
  /** Tables that were found. */
  readonly hits: number;
  readonly written: number;
  /** Files that were given up for others. */
  readonly evicted: number;
  /** Tables that could not be written, and are in memory. */
  readonly failed: number;
  /** Files that were not as they were written. */
  readonly damaged: number;
}

/** Is counted where there is no folder. */
export const NO_SYMBOL_FILES: SymbolFilesStats = {
  ...{ files: 0, bytes: 0, hits: 0, written: 0, evicted: 0, failed: 0, damaged: 0 },
};

interface Known {
  bytes: number;
  /** It was last marked as used then, in ms. */
  usedAt: number;
  /** This process wrote it, or has looked at all of it. */
  checked: boolean;
}

/** The files of one folder. */
export class SymbolFiles {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #clock: () => number;
  readonly #burst = new Burst(getLogger(["aperture", "symbols"]));
  /** Files by name, the one that was used longest ago first. */
  readonly #files = new Map<string, Known>();
  #bytes = 0;
  #hits = 0;
  #written = 0;
  #evicted = 0;
  #failed = 0;
  #damaged = 0;
  #temporary = 0;

  /** @throws {Error} when the folder cannot be made or read, or is not this user's alone to write to */
  constructor({ folder, maxBytes, clock = Date.now }: SymbolFilesOptions) {
    this.#folder = folder;
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

  get stats(): SymbolFilesStats {
    return {
      ...{ files: this.#files.size, bytes: this.#bytes },
      ...{ hits: this.#hits, written: this.#written, evicted: this.#evicted },
      ...{ failed: this.#failed, damaged: this.#damaged },
    };
  }

  /** Returns the table that was put there under `key`, by this process or an earlier one. */
  get(key: string): SymbolTable | undefined {
    const name = nameOf(key);
    const known = this.#files.get(name);
    if (known === undefined) return undefined;
    const table = this.#map(name, known);
    if (table === undefined) {
      this.#remove(name);
      return undefined;
    }
    known.checked = true;
    this.#hits++;
    this.#use(name, known);
    return table;
  }

  /** Writes a table; `undefined` where that cannot be, which is said and counted. */
  put(key: string, image: Uint8Array): SymbolTable | undefined {
    return this.#write(image, (temporary) => {
      const name = nameOf(key);
      Deno.renameSync(temporary, this.#pathOf(name));
      this.#forget(name);
      this.#files.set(name, { bytes: image.length, usedAt: this.#clock(), checked: true });
      this.#bytes += image.length;
      this.#makeRoom(name);
      return mapTable(this.#pathOf(name), { check: false });
    });
  }

  /** Does what {@linkcode put} does, for a table that nobody finds again: its memory is the file's, as long as it is used. */
  putUnnamed(image: Uint8Array): SymbolTable | undefined {
    return this.#write(image, (temporary) => {
      const table = mapTable(temporary, { check: false });
      Deno.removeSync(temporary);
      return table;
    });
  }

  /** Forgets the table of `key`, of which more is known now. */
  delete(key: string): void {
    if (this.#files.has(nameOf(key))) this.#remove(nameOf(key));
  }

  #write(
    image: Uint8Array,
    place: (temporary: string) => SymbolTable | undefined,
  ): SymbolTable | undefined {
    const temporary = `${this.#folder}/${Deno.pid}-${++this.#temporary}${TEMPORARY}`;
    try {
      Deno.writeFileSync(temporary, image, { mode: 0o600, createNew: true });
      const table = place(temporary);
      this.#written++;
      return table;
    } catch (error) {
      this.#failed++;
      removeFile(temporary);
      this.#burst.warn(
        "write",
        `Cannot keep symbol tables in ${this.#folder}, memory has them: ${(error as Error).message}`,
      );
      return undefined;
    }
  }

  #map(name: string, { checked }: Known): SymbolTable | undefined {
    try {
      const table = mapTable(this.#pathOf(name), { check: !checked });
      if (table === undefined) this.#damaged++;
      return table;
    } catch {
      // Another agent has given it up.
      return undefined;
    }
  }

  #use(name: string, known: Known): void {
    this.#files.delete(name);
    this.#files.set(name, known);
    const now = this.#clock();
    if (now - known.usedAt < TOUCH_MS) return;
    known.usedAt = now;
    try {
      Deno.utimeSync(this.#pathOf(name), new Date(now), new Date(now));
    } catch {
      // On a disk that cannot be written to nothing is given up either.
    }
  }

  /** Takes in what is there, and removes what was left unfinished. */
  #find(): void {
    const found: { name: string; bytes: number; usedAt: number }[] = [];
    for (const { name } of Deno.readDirSync(this.#folder)) {
      if (!name.endsWith(END) && !name.endsWith(TEMPORARY)) continue;
      try {
        const { size, mtime, isFile } = Deno.lstatSync(this.#pathOf(name));
        const usedAt = mtime?.getTime() ?? 0;
        if (isFile && name.endsWith(END)) found.push({ name, bytes: size, usedAt });
        else if (isFile && this.#clock() - usedAt > STALE_MS) removeFile(this.#pathOf(name));
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
      this.#remove(name);
      this.#evicted++;
    }
  }

  #remove(name: string): void {
    this.#forget(name);
    removeFile(this.#pathOf(name));
  }

  #forget(name: string): void {
    this.#bytes -= this.#files.get(name)?.bytes ?? 0;
    this.#files.delete(name);
  }

  #pathOf(name: string): string {
    return `${this.#folder}/${name}`;
  }
}

/**
 * Returns the table of an image in a file; `undefined` where it is none.
 *
 * @param options.check whether all of the image is looked at, that it is as it was made
 * @throws {Error} when the file cannot be opened or mapped
 */
function mapTable(path: string, { check }: { check: boolean }): SymbolTable | undefined {
  using stack = new DisposableStack();
  const memory = stack.use(MappedMemory.ofFile(path));
  const bytes = new Uint8Array(memory.buffer());
  const image = SymbolImage.of(bytes);
  if (image === undefined || (check && !SymbolImage.isIntact(bytes))) return undefined;
  stack.move();
  return new SymbolTable(image, { bytes: 0, release: () => memory[Symbol.dispose]() });
}

/** Returns the name of a file; a key may be long, and have any character. */
function nameOf(key: string): string {
  return createHash("sha256").update(key).digest("hex") + END;
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone, or the disk cannot be written to: then it is found again at the next start.
  }
}
