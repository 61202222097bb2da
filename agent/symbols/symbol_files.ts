// SPDX-License-Identifier: Apache-2.0
/**
 * Symbol tables in files of the agent's own, which outlive it: they are mapped and searched where they are, and cost
 * memory only while they are looked at.
 *
 * A file is written under another name and put in place by a rename, so that several agents may share a folder.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import { SymbolImage } from "../../symbols/symbol_image.ts";
import { SymbolTable } from "../../symbols/symbol_table.ts";
import { KeptFiles, type KeptTablesStats, removeFile } from "../elf/kept_files.ts";
import { MappedMemory } from "../libbpf/mod.ts";

export interface SymbolFilesOptions {
  /** It is made where there is none. */
  readonly folder: string;
  /** All files together may take so many bytes; the one that is written now may be above that. */
  readonly maxBytes: number;
  /** Returns the time in ms. @default {Date.now} */
  readonly clock?: () => number;
}

/** The files of one folder. */
export class SymbolFiles {
  readonly #folder: string;
  readonly #files: KeptFiles;
  readonly #burst = new Burst(getLogger(["aperture", "symbols"]));
  #hits = 0;
  #written = 0;
  #failed = 0;
  #damaged = 0;

  /** @throws {Error} when the folder cannot be made or read, or is not this user's alone to write to */
  constructor({ folder, maxBytes, clock }: SymbolFilesOptions) {
    this.#folder = folder;
    this.#files = new KeptFiles({ folder, end: ".symbols", maxBytes, clock });
  }

  get stats(): KeptTablesStats {
    const { files, bytes, evicted } = this.#files.stats;
    return {
      ...{ files, bytes, evicted },
      ...{ hits: this.#hits, written: this.#written },
      ...{ failed: this.#failed, damaged: this.#damaged },
    };
  }

  /** Returns the table that was put there under `key`, by this process or an earlier one. */
  get(key: string): SymbolTable | undefined {
    const name = this.#files.nameOf(key);
    if (!this.#files.has(name)) return undefined;
    const table = this.#map(name);
    if (table === undefined) {
      this.#files.remove(name);
      return undefined;
    }
    this.#files.setChecked(name);
    this.#hits++;
    this.#files.use(name);
    return table;
  }

  /** Writes a table; `undefined` where that cannot be, which is said and counted. */
  put(key: string, image: Uint8Array): SymbolTable | undefined {
    return this.#write(image, (temporary) => {
      const name = this.#files.nameOf(key);
      this.#files.place(temporary, name, image.length);
      return mapTable(this.#files.pathOf(name), { check: false });
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
    const name = this.#files.nameOf(key);
    if (this.#files.has(name)) this.#files.remove(name);
  }

  #write(
    image: Uint8Array,
    place: (temporary: string) => SymbolTable | undefined,
  ): SymbolTable | undefined {
    const temporary = this.#files.newPath();
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

  #map(name: string): SymbolTable | undefined {
    try {
      const table = mapTable(this.#files.pathOf(name), { check: !this.#files.isChecked(name) });
      if (table === undefined) this.#damaged++;
      return table;
    } catch {
      // Another agent has given it up.
      return undefined;
    }
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
