// SPDX-License-Identifier: Apache-2.0
/**
 * Says what an address of a process's data is: a variable by its name, or the kind of memory.
 *
 * @module
 */

import type { Process } from "../metadata/processes.ts";
import { readSmallText } from "../libbpf/mod.ts";
import { allMappings, type DataMapping } from "../metadata/data_mappings.ts";
import { mappingIndex } from "../metadata/maps.ts";
import type { DataSymbols } from "./data_symbols.ts";

export const STACK = "stack";
export const HEAP = "heap";
const SHARED = "shared memory";

/** Below a thread's stack is memory that nobody may touch, at most of so many bytes: a page, nearly always. */
const MAX_GUARD = 64 << 10;
/** Processes whose mappings are remembered in one window. */
const MAX_PROCESSES = 1024;

/** Finds places of data in processes. */
export class DataPlaces {
  readonly #symbols: Pick<DataSymbols, "find">;
  /** This window has read these. */
  readonly #mappings = new Map<string, readonly DataMapping[]>();

  constructor(symbols: Pick<DataSymbols, "find">) {
    this.#symbols = symbols;
  }

  /** Returns `SYMBOL in MODULE`, `heap`, `stack` or `shared memory`; "" where that is not known. */
  of(process: Pick<Process, "mappings" | "folder">, address: number): string {
    const symbol = this.#symbols.find(process, address);
    if (symbol !== undefined) return symbol;
    const mappings = this.#mappingsOf(process.folder);
    const i = mappingIndex(mappings, address);
    return i < 0 ? "" : kindOf(mappings[i]!, mappings[i - 1]);
  }

  endWindow(): void {
    this.#mappings.clear();
  }

  #mappingsOf(folder: string): readonly DataMapping[] {
    const known = this.#mappings.get(folder);
    if (known !== undefined) return known;
    if (this.#mappings.size >= MAX_PROCESSES) return [];
    // It may be gone.
    const mappings = allMappings(readSmallText(`${folder}/maps`) ?? "");
    this.#mappings.set(folder, mappings);
    return mappings;
  }
}

function kindOf({ path, shared, start }: DataMapping, before: DataMapping | undefined): string {
  if (path.startsWith("[stack")) return STACK;
  if (shared) return SHARED;
  if (path === "[heap]" || path.startsWith("[anon:")) return HEAP;
  if (path !== "") return "";
  const guarded = before?.end === start && before.path === "" && before.closed &&
    before.end - before.start <= MAX_GUARD;
  return guarded ? STACK : HEAP;
}
