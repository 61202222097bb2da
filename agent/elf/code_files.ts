// SPDX-License-Identifier: Apache-2.0
/**
 * The files that processes have mapped to run: each is opened, identified and given a number once, for unwinding and
 * for naming alike.
 *
 * @module
 */

import type { LRUCache } from "lru-cache";
import { countedCache } from "../../common/counted_cache.ts";
import type { Mapping } from "../metadata/maps.ts";
import { type ByteSource, memorySource } from "../../symbols/elf/byte_source.ts";
import { type CodeFile, fileKey, type FilePlace } from "./code_file.ts";
import { ElfError, type ElfInfo, readElf } from "../../symbols/elf/elf.ts";
import { FileIds } from "./file_ids.ts";
import { fileIdentity } from "../libbpf/mod.ts";
import { type MappedFile, openMapped, pathsTo } from "./mapped_file.ts";
import type { RegularFile } from "../../symbols/elf/regular_file.ts";
import { readVdsoImage, VDSO } from "./vdso_image.ts";

const NOT_ELF = "not ELF";
/** This many ways to a file are kept: one of those processes should still run. */
const MAX_PLACES = 4;
const MAX_FILES = 16_384;

export interface CodeFilesOptions {
  /** Files that nothing refers to are given up above so many, at the end of a window. @default {16384} */
  maxFiles?: number;
  /** The largest number of a file. @default {2 ** 17 - 1} */
  maxId?: number | undefined;
}

export interface CodeFilesStats {
  /** Files that are known now. */
  readonly files: number;
  /** Counts, since the start, mappings whose file could not be reached, and files that made no sense. */
  readonly unreadable: number;
  /** Counts, since the start, files that no number was free for. */
  readonly refused: number;
}

/** A {@linkcode CodeFile} as its registry changes it. */
interface Entry extends CodeFile {
  id: number;
  places: FilePlace[];
  retired: boolean;
}

/** An open file has to have no more than this. */
export type Opened = ByteSource & Pick<RegularFile, "identity">;

interface Known {
  readonly file: Entry;
  readonly place: FilePlace;
}

/** Tells files apart. */
export class CodeFiles {
  /** Files are found here by {@linkcode CodeFile.key}; the first is the one that was not asked for for longest. */
  readonly #byKey = new Map<string, Entry>();
  /** Files are found here by the {@linkcode RegularFile.identity} of each copy. */
  readonly #byIdentity: LRUCache<string, Entry | typeof NOT_ELF>;
  readonly #ofMapping = new WeakMap<Mapping, Known | typeof NOT_ELF>();
  /** The window in which a mapping's file could not be reached: it is not tried again in that. */
  readonly #failed = new WeakMap<Mapping, number>();
  readonly #ids: FileIds<Entry>;
  readonly #maxFiles: number;
  readonly #holders = new Set<() => Iterable<number>>();
  #vdso: Entry | null | undefined;
  #serials = 0;
  #window = 0;
  #unreadable = 0;
  #refused = 0;

  constructor({ maxFiles = MAX_FILES, maxId }: CodeFilesOptions = {}) {
    this.#maxFiles = maxFiles;
    this.#ids = new FileIds(maxId);
    this.#byIdentity = countedCache(maxFiles);
  }

  get stats(): CodeFilesStats {
    return { files: this.#byKey.size, unreadable: this.#unreadable, refused: this.#refused };
  }

  /** Returns the file that a frame address names. */
  get(id: number): CodeFile | undefined {
    const file = this.#ids.get(id);
    if (file && !file.retired) this.#touch(file);
    return file;
  }

  /** Returns all that are known. */
  values(): IterableIterator<CodeFile> {
    return this.#byKey.values();
  }

  /** Returns the file of a mapping; `undefined` when it is no program or library, or cannot be reached. */
  of(place: MappedFile): CodeFile | undefined {
    const { mapping } = place;
    if (mapping.path === VDSO) return this.vdso();
    if (mapping.inode === 0 || this.#failed.get(mapping) === this.#window) return undefined;
    const known = this.#ofMapping.get(mapping);
    if (known === NOT_ELF) return undefined;
    if (known && !known.file.retired) {
      addPlace(known.file, known.place);
      return known.file;
    }
    // Of nearly every new process all files are known: then they need not be opened.
    const identity = fileIdentity(pathsTo(place)[0]!);
    const file = identity === undefined ? undefined : this.#identified(identity);
    if (file !== undefined) return this.#take(file, { identity: identity!, place });
    using opened = openMapped(place);
    if (opened === undefined) {
      this.#failed.set(mapping, this.#window);
      this.#unreadable++;
      return undefined;
    }
    return this.identify(opened, place);
  }

  /** Returns what {@linkcode of} does, where the mapping's file is open. */
  identify(opened: Opened, place: MappedFile): CodeFile | undefined {
    const { identity } = opened;
    let file = this.#identified(identity);
    if (file === undefined) {
      file = this.#identify(opened, place.mapping) ?? NOT_ELF;
      this.#byIdentity.set(identity, file);
    }
    return this.#take(file, { identity, place });
  }

  /** Returns what the file of an identity is, where that is known and the file was not given up. */
  #identified(identity: string): Entry | typeof NOT_ELF | undefined {
    const file = this.#byIdentity.get(identity);
    return file !== NOT_ELF && file?.retired ? undefined : file;
  }

  /** Notes which file a mapping is of, and that it can be reached there. */
  #take(
    file: Entry | typeof NOT_ELF,
    { identity, place: { process: { folder }, mapping } }: { identity: string; place: MappedFile },
  ): CodeFile | undefined {
    if (file === NOT_ELF) {
      this.#ofMapping.set(mapping, file);
      return undefined;
    }
    // One that found no number: some may be free by now.
    if (file.id === 0) file.id = this.#ids.take(file);
    const place = { process: { folder }, mapping, identity };
    this.#ofMapping.set(mapping, { file, place });
    addPlace(file, place);
    this.#touch(file);
    return file;
  }

  /** Returns the vDSO, which has no places; `undefined` where there is none. */
  vdso(): CodeFile | undefined {
    if (this.#vdso === undefined) {
      const image = readVdsoImage();
      this.#vdso = image ? this.#add(VDSO, { path: VDSO, elf: readElf(memorySource(image)) }) : null;
    }
    return this.#vdso ?? undefined;
  }

  /** Keeps the files of these ids, which are asked for at the end of each window, until the result is disposed of. */
  addHolder(ids: () => Iterable<number>): Disposable {
    this.#holders.add(ids);
    return { [Symbol.dispose]: () => void this.#holders.delete(ids) };
  }

  /** Call when the stacks of a window are named: gives up the files above the bound that nothing refers to. */
  endWindow(): void {
    this.#window++;
    let excess = this.#byKey.size - this.#maxFiles;
    if (excess <= 0 && this.#ids.retired === 0) return;
    const held = new Set<number>();
    for (const ids of this.#holders) for (const id of ids()) held.add(id);
    this.#ids.endWindow(held);
    for (const file of this.#byKey.values()) {
      if (excess <= 0) return;
      if (held.has(file.id)) continue;
      this.#byKey.delete(file.key);
      file.retired = true;
      this.#ids.retire(file.id);
      excess--;
    }
  }

  #touch(file: Entry): void {
    if (!this.#byKey.delete(file.key)) return; // The vDSO.
    this.#byKey.set(file.key, file);
  }

  #identify(opened: Opened, { path }: Mapping): Entry | undefined {
    const elf = this.#readHeaders(opened);
    if (elf === undefined) return undefined;
    const key = fileKey(elf, opened.identity);
    let file = this.#byKey.get(key);
    if (!file) this.#byKey.set(key, file = this.#add(key, { path, elf }));
    return file;
  }

  #readHeaders(opened: Opened): ElfInfo | undefined {
    try {
      return readElf(opened);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      this.#unreadable++;
      return undefined;
    }
  }

  #add(key: string, { path, elf }: Pick<CodeFile, "path" | "elf">): Entry {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const file = { id: 0, serial: ++this.#serials, key, path, name, elf, places: [], retired: false };
    file.id = this.#ids.take(file);
    if (file.id === 0) this.#refused++;
    return file;
  }
}

function addPlace({ places }: Entry, place: FilePlace): void {
  if (places.includes(place)) return;
  places.push(place);
  if (places.length > MAX_PLACES) places.shift();
}
