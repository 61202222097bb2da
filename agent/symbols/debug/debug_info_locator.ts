/**
 * Where the debug information of modules can be read: in themselves, in separate debug files, and in what a
 * debuginfod server gave.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { findCommonFile, findDebugFile } from "./debug_files.ts";
import type { Debuginfod } from "./debuginfod/debuginfod.ts";
import { commonLink, debugLink, hasDebugInfo } from "./dwarf/pack.ts";
import type { DebugFile, DebugPlace } from "./dwarf/protocol.ts";
import { type ElfInfo, readElf } from "../../elf/elf.ts";
import type { Module } from "../modules.ts";
import { RegularFile } from "../../elf/regular_file.ts";

/** What could be downloaded, and is where. */
export type Downloads = Pick<Debuginfod, "want" | "pathOf" | "takeFound">;

/** Where a module's files may be. */
export interface Whereabouts {
  /** Of the module itself, in order. */
  readonly paths: readonly string[];
  /** Folders that are taken for `/`, in order. */
  readonly roots: readonly string[];
}

interface Found {
  readonly place: DebugPlace | undefined;
  /** The build id of a file that is missing here. */
  readonly missing: string | undefined;
}

/** Places of many modules, found once each. */
export class DebugPlaces {
  readonly #downloads: Downloads | undefined;
  readonly #found: LRUCache<number, Found>;

  constructor({ downloads, max }: { downloads: Downloads | undefined; max: number }) {
    this.#downloads = downloads;
    this.#found = new LRUCache({ max });
  }

  /** The place for `module`; what is missing is asked for. */
  of(module: Module, whereabouts: Whereabouts): DebugPlace | undefined {
    let found = this.#found.get(module.number);
    if (found === undefined) this.#found.set(module.number, found = this.#find(module, whereabouts));
    if (found.missing !== undefined) this.#downloads?.want(found.missing);
    return found.place;
  }

  /** Looks for it anew when it is asked for next. */
  forget(module: Module): void {
    this.#found.delete(module.number);
  }

  /** The build id that `module` could need and that was not found here. */
  missingOf(module: Module): string | undefined {
    return this.#found.peek(module.number)?.missing;
  }

  #find({ elf, identity, buildId, path: name }: Module, { paths, roots }: Whereabouts): Found {
    if (elf === undefined || elf.truncated) return { place: undefined, missing: undefined };
    for (const path of paths) {
      using file = RegularFile.open(path);
      if (file?.identity !== identity) continue;
      if (hasDebugInfo(file)) return this.#withCommon(file, { path, identity, bias: 0 }, roots);
      const downloaded = this.#downloads?.pathOf(buildId);
      const other = findDebugFile({ path: name, buildId, roots, downloaded }, debugLink(file));
      using debug = other === undefined ? undefined : RegularFile.open(other);
      const info = debug && hasDebugInfo(debug) ? headersOf(debug) : undefined;
      if (!debug || !info) break;
      const place = { path: other!, identity: debug.identity, bias: biasOf(elf, info) };
      return this.#withCommon(debug, place, roots);
    }
    return { place: undefined, missing: buildId };
  }

  /** With the file that dwz made, where there is one. */
  #withCommon(file: RegularFile, place: DebugPlace, roots: readonly string[]): Found {
    const link = commonLink(file);
    if (link === undefined) return { place, missing: undefined };
    const downloaded = this.#downloads?.pathOf(link.buildId);
    const common = identified(findCommonFile(place.path, link, { roots, downloaded }));
    return common ? { place: { ...place, common }, missing: undefined } : { place, missing: link.buildId };
  }
}

function identified(path: string | undefined): DebugFile | undefined {
  using file = path === undefined ? undefined : RegularFile.open(path);
  return file && { path: path!, identity: file.identity };
}

function headersOf(file: RegularFile): ElfInfo | undefined {
  try {
    return readElf(file);
  } catch {
    return undefined;
  }
}

/** What to take from an address of `main` to get that of a debug file that was linked to lie elsewhere. */
function biasOf(main: ElfInfo, debug: ElfInfo): number {
  const [a, b] = [main.segments[0], debug.segments[0]];
  return a && b ? a.address - b.address : 0;
}
