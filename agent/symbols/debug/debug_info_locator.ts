// SPDX-License-Identifier: Apache-2.0
/**
 * Finds where the debug information of files can be read: in themselves, in separate debug files, and in what a
 * debuginfod server gave.
 *
 * @module
 */

import type { LRUCache } from "lru-cache";
import { countedCache } from "../../../common/counted_cache.ts";
import { findCommonFile, findDebugFile } from "./debug_files.ts";
import type { Debuginfod } from "../../../symbols/debuginfod/debuginfod.ts";
import { commonLink, debugLink, hasDebugInfo } from "../../../symbols/pack.ts";
import type { DebugFile, DebugInfoPlace } from "./dwarf/protocol.ts";
import { type CodeFile, openCopies } from "../../elf/code_file.ts";
import { type ElfInfo, readElf } from "../../../symbols/elf/elf.ts";
import { rootsOf } from "../../elf/mapped_file.ts";
import { RegularFile } from "../../../symbols/elf/regular_file.ts";

/** A client that downloads debug files, and knows where they are. */
export type Downloads = Pick<Debuginfod, "want" | "pathOf" | "takeFound">;

interface Found {
  readonly place: DebugInfoPlace | undefined;
  /** The build id of a file that is missing here. */
  readonly missing: string | undefined;
  /** Identities of the copies that were looked at. */
  readonly copies: ReadonlySet<string>;
}

/** Finds the debug information of many files, once each. */
export class DebugInfoLocator {
  readonly #downloads: Downloads | undefined;
  /** The results are found by {@linkcode CodeFile.serial}. */
  readonly #found: LRUCache<number, Found>;

  /** @param options.max so many files are remembered */
  constructor({ downloads, max }: { downloads: Downloads | undefined; max: number }) {
    this.#downloads = downloads;
    this.#found = countedCache(max);
  }

  /** Returns where the debug information of `file` is; what is missing is asked for. */
  of(file: CodeFile): DebugInfoPlace | undefined {
    let found = this.#found.get(file.serial);
    if (found === undefined || isBetterCopyKnown(file, found)) {
      this.#found.set(file.serial, found = this.#find(file));
    }
    if (found.missing !== undefined) this.#downloads?.want(found.missing);
    return found.place;
  }

  /** Looks for it anew when it is asked for next. */
  forget({ serial }: CodeFile): void {
    this.#found.delete(serial);
  }

  /** Returns the build id that `file` could need and that was not found here. */
  missingOf({ serial }: CodeFile): string | undefined {
    return this.#found.peek(serial)?.missing;
  }

  #find(file: CodeFile): Found {
    const copies = new Set(file.places.map(({ identity }) => identity));
    if (file.elf.truncated) return { place: undefined, missing: undefined, copies };
    const { path: name, elf: { buildId } } = file;
    const downloaded = this.#downloads?.pathOf(buildId);
    const tried = new Set<string>();
    for (const { file: copy, path, place: { identity }, place } of openCopies(file)) {
      if (tried.has(identity)) continue;
      tried.add(identity);
      const roots = rootsOf(place);
      if (hasDebugInfo(copy)) {
        return { ...this.#withCommon(copy, { path, identity, bias: 0 }, roots), copies };
      }
      const other = findDebugFile({ path: name, buildId, roots, downloaded }, debugLink(copy));
      using debug = other === undefined ? undefined : RegularFile.open(other);
      const info = debug && hasDebugInfo(debug) ? headersOf(debug) : undefined;
      if (!debug || !info) continue;
      const found = { path: other!, identity: debug.identity, bias: biasOf(file.elf, info) };
      return { ...this.#withCommon(debug, found, roots), copies };
    }
    return { place: undefined, missing: buildId, copies };
  }

  /** Adds the file that dwz made, where there is one. */
  #withCommon(file: RegularFile, place: DebugInfoPlace, roots: readonly string[]): Omit<Found, "copies"> {
    const link = commonLink(file);
    if (link === undefined) return { place, missing: undefined };
    const downloaded = this.#downloads?.pathOf(link.buildId);
    const common = identified(findCommonFile(place.path, link, { roots, downloaded }));
    return common ? { place: { ...place, common }, missing: undefined } : { place, missing: link.buildId };
  }
}

function isBetterCopyKnown({ places }: CodeFile, { place, copies }: Found): boolean {
  return place === undefined && places.some(({ identity }) => !copies.has(identity));
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

/** Returns what to take from an address of `main` to get that of a debug file that was linked to lie elsewhere. */
function biasOf(main: ElfInfo, debug: ElfInfo): number {
  const [a, b] = [main.segments[0], debug.segments[0]];
  return a && b ? a.address - b.address : 0;
}
