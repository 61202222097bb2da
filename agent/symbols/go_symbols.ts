// SPDX-License-Identifier: Apache-2.0
/**
 * Functions, inlined functions and lines of Go code, by the line tables that Go programs carry.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { type CodeFile, openCopies } from "../elf/code_file.ts";
import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import { type GoFrame, GoLineTable } from "../go/line_table.ts";
import { isGoProgram } from "../go/module_data.ts";

/**
 * The tables of where functions begin may take so many bytes for all programs that are kept: the largest known take
 * 1.5 MiB.
 */
const MAX_BYTES = 16 << 20;
const MAX_FILES = 16_384;
const NO_TABLE = "no table";

export interface GoSymbolsStats {
  readonly tables: number;
  readonly tableBytes: number;
}

/** Reads the line tables of Go programs, as far as their files can be reached. */
export class GoSymbols {
  /** They are found by {@linkcode CodeFile.serial}. */
  readonly #tables = new LRUCache<number, GoLineTable | typeof NO_TABLE>({
    max: MAX_FILES,
    maxSize: MAX_BYTES,
    sizeCalculation: (table) => table === NO_TABLE ? 1 : 1 + table.bytes,
  });

  get stats(): GoSymbolsStats {
    const tables = [...this.#tables.values()].filter((table) => table !== NO_TABLE);
    return { tables: tables.length, tableBytes: this.#tables.calculatedSize };
  }

  /** Tells whether {@linkcode frames} has to read Go's tables in the file to tell what is at an address of it. */
  reads(file: CodeFile, address: number): boolean {
    const known = this.#tables.get(file.serial);
    if (known === undefined) return this.#isGo(file);
    return known !== NO_TABLE && covers(known, address);
  }

  /**
   * Returns the functions at an address of `file` that {@linkcode reads} has said yes of, as the program headers count, the
   * innermost first; none where Go's compiler made no code, or where the file cannot be reached.
   */
  frames(file: CodeFile, address: number): GoFrame[] {
    for (const { file: opened } of openCopies(file)) {
      try {
        const table = this.#tables.get(file.serial) ?? this.#read(file, opened);
        return table === NO_TABLE ? [] : table.frames(opened, address);
      } catch (error) {
        if (!(error instanceof ElfError)) throw error;
      }
    }
    return [];
  }

  #read(file: CodeFile, opened: ByteSource): GoLineTable | typeof NO_TABLE {
    const table = GoLineTable.read(opened, file.elf) ?? NO_TABLE;
    this.#tables.set(file.serial, table);
    return table;
  }

  #isGo(file: CodeFile): boolean {
    for (const { file: opened } of openCopies(file)) {
      if (isGoProgram(opened)) return true;
      this.#tables.set(file.serial, NO_TABLE);
      return false;
    }
    return false;
  }
}

function covers({ code: { address, size } }: GoLineTable, at: number): boolean {
  return at >= address && at < address + size;
}
