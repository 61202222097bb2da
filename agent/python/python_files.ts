// SPDX-License-Identifier: Apache-2.0
/**
 * Finds which files hold CPython: those that define its runtime state, however they are called and wherever they are.
 *
 * @module
 */

import { countedCache } from "../../common/counted_cache.ts";
import { openMapped } from "../elf/mapped_file.ts";
import type { Mapping } from "../metadata/maps.ts";
import { DynamicSymbols } from "./dynamic_symbols.ts";
import type { Memory } from "./memory.ts";
import { StaticSymbols } from "./static_symbols.ts";

const MAX_FILES = 16_384;
const RUNTIME = "_PyRuntime";

/** Finds the address, in a process, of a symbol of a file. */
export interface Symbols {
  find(name: string): number | undefined;
}

/** Remembers what files were found to be. */
export class PythonFiles {
  readonly #known = countedCache<string, boolean>(MAX_FILES);
  /** Files that hold none, by their path: that is one text in all mappings, by which a file is found at once. */
  readonly #without = new Map<string, Pick<Mapping, "device" | "inode">>();

  /** Tells whether one of `mappings` is of a file that holds CPython, or of one that was not looked at yet. */
  mayHave(mappings: readonly Mapping[]): boolean {
    return mappings.some((mapping) => {
      const { path, device, inode } = mapping;
      if (inode === 0) return false;
      const without = this.#without.get(path);
      if (without?.inode === inode && without.device === device) return false;
      if (this.#known.get(keyOf(mapping)) !== false) return true;
      if (this.#without.size >= MAX_FILES) this.#without.clear();
      this.#without.set(path, { device, inode });
      return false;
    });
  }

  /**
   * Returns the symbols of those files of a process that hold CPython, after those of its program, as the dynamic loader
   * looks for them: what a program uses of a library's data may have moved into the program (a copy relocation).
   *
   * @param options.maps `/proc/PID/maps`
   * @param options.folder `/proc/PID`
   */
  find(
    memory: Memory,
    { maps, mappings, folder }: { maps: string; mappings: readonly Mapping[]; folder: string },
  ): Symbols[] {
    const found: Symbols[] = [];
    const bases = firstBytes(maps);
    let program: Symbols | undefined;
    for (const [i, mapping] of distinct(mappings).entries()) {
      const key = keyOf(mapping);
      if (i > 0 && this.#known.get(key) === false) continue;
      const base = bases.get(`${mapping.device} ${mapping.inode}`);
      // Of a process that is gone nothing can be told.
      if (base === undefined || memory.read(base, 1) === undefined) continue;
      let symbols: Symbols | undefined = DynamicSymbols.at(memory, base);
      let holds = symbols?.find(RUNTIME) !== undefined;
      if (i === 0 && !holds && this.#known.get(key) !== false) {
        const within = symbolsWithin(folder, { mapping, base });
        holds = within !== undefined;
        symbols = within ?? symbols;
      }
      this.#known.set(key, holds);
      if (i === 0) program = symbols;
      else if (holds) found.push(symbols!);
    }
    return program ? [program, ...found] : found;
  }
}

/** Returns the symbols of a program that has CPython within it, and keeps that to itself. */
function symbolsWithin(
  folder: string,
  { mapping, base }: { mapping: Mapping; base: number },
): StaticSymbols | undefined {
  using file = openMapped({ process: { folder }, mapping });
  return file && StaticSymbols.of(file, { base, name: RUNTIME });
}

/**
 * Returns the symbols of the C library of a process, which knows where threads have their own values; `undefined` if
 * not found.
 */
export function findThreadLibrary(
  memory: Memory,
  { maps, mappings }: { maps: string; mappings: readonly Mapping[] },
): DynamicSymbols[] {
  const bases = firstBytes(maps);
  return distinct(mappings).filter(({ path }) => THREAD_LIBRARY.test(path)).map(({ device, inode }) => {
    const base = bases.get(`${device} ${inode}`);
    return base === undefined ? undefined : DynamicSymbols.at(memory, base);
  }).filter((symbols) => symbols !== undefined);
}

/** Up to glibc 2.33 threads are a library of their own. */
const THREAD_LIBRARY = /\/lib(c|pthread)[-.][^/]*$/;

function keyOf({ device, inode, path }: Mapping): string {
  return `${device} ${inode} ${path}`;
}

/** Returns one mapping of each file. */
function distinct(mappings: readonly Mapping[]): Mapping[] {
  return [
    ...new Map(
      mappings.filter(({ inode }) => inode !== 0).toReversed().map((mapping) => [keyOf(mapping), mapping]),
    )
      .values(),
  ].toReversed();
}

/** Returns where the first byte of each file is, by device and inode. */
function firstBytes(maps: string): Map<string, number> {
  const starts = new Map<string, number>();
  for (const line of maps.split("\n")) {
    const [, start, device, inode] = /^([0-9a-f]+)-\S+ \S+ 0+ (\S+) ([1-9]\d*) /.exec(line) ?? [];
    if (start === undefined) continue;
    const key = `${device} ${inode}`;
    if (!starts.has(key)) starts.set(key, parseInt(start, 16));
  }
  return starts;
}
