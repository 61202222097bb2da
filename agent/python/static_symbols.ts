// SPDX-License-Identifier: Apache-2.0
/**
 * Finds symbols of a program that has CPython within it and gives none of it to others: by the file's own symbol table.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { u64 } from "../../common/u64.ts";
import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { ElfError, readElf } from "../../symbols/elf/elf.ts";
import { readSections, sectionBytes, viewOf } from "../../symbols/elf/sections.ts";

const SHT_SYMTAB = 2;
const SYMBOL_BYTES = 24;
/** Files with larger tables are not looked at; those of a program with CPython have some megabytes. */
const MAX_BYTES = 32 << 20;
const encoder = new TextEncoder();

/** The full symbol table of one file. */
export class StaticSymbols {
  readonly #symbols: DataView;
  readonly #strings: Buffer;
  readonly #bias: number;

  private constructor(symbols: DataView, { strings, bias }: { strings: Buffer; bias: number }) {
    this.#symbols = symbols;
    this.#strings = strings;
    this.#bias = bias;
  }

  /**
   * @param base where the file's first byte is mapped
   * @param name a symbol that there must be
   * @returns `undefined` where there is no such table, or it lacks the name
   */
  static of(source: ByteSource, { base, name }: { base: number; name: string }): StaticSymbols | undefined {
    try {
      const sections = readSections(source);
      const table = sections.find(({ type, size }) => type === SHT_SYMTAB && size <= MAX_BYTES);
      const names = table && sections[table.link];
      if (table === undefined || names === undefined || names.size > MAX_BYTES) return undefined;
      const strings = sectionBytes(source, names);
      // Most programs end here, before their table is read.
      if (strings === undefined || !asBuffer(strings).includes(`${name}\0`)) return undefined;
      const symbols = sectionBytes(source, table);
      const { bits, segments } = readElf(source);
      const first = segments.find(({ offset }) => offset === 0);
      if (symbols === undefined || first === undefined || bits !== 64) return undefined;
      const found = new StaticSymbols(viewOf(symbols), {
        strings: asBuffer(strings),
        bias: base - first.address,
      });
      return found.find(name) === undefined ? undefined : found;
    } catch (error) {
      if (error instanceof ElfError) return undefined;
      throw error;
    }
  }

  /** Returns the address, in the process, of what `name` is defined as here; `undefined` when it is not. */
  find(name: string): number | undefined {
    const wanted = encoder.encode(`${name}\0`);
    for (let at = 0; at + SYMBOL_BYTES <= this.#symbols.byteLength; at += SYMBOL_BYTES) {
      const from = this.#symbols.getUint32(at, true);
      const isDefined = this.#symbols.getUint16(at + 6, true) !== 0;
      if (!isDefined || this.#strings[from] !== wanted[0]) continue;
      if (this.#strings.subarray(from, from + wanted.length).equals(wanted)) {
        return u64(this.#symbols, at + 8) + this.#bias;
      }
    }
    return undefined;
  }
}

function asBuffer(bytes: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
