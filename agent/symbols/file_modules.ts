/**
 * The modules of the files that the unwinder knows, by its numbers for them.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { VDSO_MODULE } from "../../profile/model.ts";
import { type CodeFile, fileKey } from "../unwind/code_files.ts";
import type { MappedFile, Module, Modules } from "./modules.ts";

const MAX_FILES = 16_384;

/** A module, and where it can be read. */
export interface PlacedModule {
  readonly module: Module;
  readonly place: MappedFile;
}

/** Finds modules by the number of their file. */
export class FileModules {
  readonly #modules: Modules;
  readonly #find: (id: number) => CodeFile | undefined;
  readonly #met = new LRUCache<number, PlacedModule>({ max: MAX_FILES });

  /** @param find the file that a number stands for */
  constructor(modules: Modules, find: (id: number) => CodeFile | undefined) {
    this.#modules = modules;
    this.#find = find;
  }

  /** Opens the file, which a process has mapped now; what was met before when it cannot be reached. */
  meet(file: CodeFile): PlacedModule | typeof VDSO_MODULE | undefined {
    if (file.path === VDSO_MODULE) return VDSO_MODULE;
    for (const place of file.places.toReversed()) {
      const module = this.#modules.of(place);
      // The process may be another one by now, or have another file there.
      if (module?.elf === undefined || fileKey(module.elf, module.identity) !== file.key) continue;
      const placed = { module, place };
      this.#met.set(file.id, placed);
      return placed;
    }
    return this.#met.get(file.id);
  }

  /** The module of a file that was met, or that still can be. */
  of(id: number): PlacedModule | typeof VDSO_MODULE | undefined {
    const known = this.#met.get(id);
    const file = this.#find(id);
    if (file === undefined) return known;
    // Its symbols are in the one file that was met; where they are to be read, an equal file may be there still.
    if (known === undefined || !this.#modules.hasSymbols(known.module)) return this.meet(file);
    // The latest process that has it is the most likely one to be there still.
    const place = file.places.findLast((place) => this.#modules.of(place) === known.module);
    return place ? { ...known, place } : known;
  }
}
