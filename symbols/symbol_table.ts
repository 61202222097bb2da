// SPDX-License-Identifier: Apache-2.0
/**
 * The functions of one ELF file, found by address.
 *
 * libdw's own look-up by address walks the whole symbol table: 1.1 ms in libLLVM, 1.5 ms in node. Here the
 * table is sorted once (some 50 ms for node) and keeps functions only, with their names in one array of bytes.
 *
 * @module
 */

import { u64 } from "../common/u64.ts";
import type { Stub } from "./plt.ts";
import { ascending, RangeTable } from "./ranges.ts";

/** A symbol table section with its strings, as in the file (Elf32_Sym or Elf64_Sym, host byte order). */
export interface RawSymbols {
  readonly bits: 32 | 64;
  readonly symbols: Uint8Array<ArrayBuffer>;
  readonly strings: Uint8Array<ArrayBuffer>;
  /** A section's index leads to where it lies, and whether it is code. */
  readonly sections: readonly RawSection[];
  /** An address, and this added, is one of the main file: a separate debug file may count from elsewhere. */
  readonly bias: number;
  /** It has all functions, not only those that other files may call. */
  readonly full: boolean;
}

export interface RawSection {
  readonly address: number;
  readonly size: number;
  readonly executable: boolean;
}

const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STB_GLOBAL = 1;
const STB_WEAK = 2;
/** Longer names are cut. */
const MAX_NAME_BYTES = 16_384;
/**
 * All names of a file may have so many bytes: a made-up file must not fill the memory with one long name, over and
 * over.
 */
const MAX_NAMES_BYTES = 128 << 20;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Functions by address. */
export class SymbolTable {
  readonly #ranges: RangeTable;
  readonly #name: Uint32Array;
  readonly #names: Uint8Array;
  /** Functions that were left out, as all names together are too long. */
  readonly dropped: number;

  private constructor(
    ranges: RangeTable,
    { name, names, dropped }: { name: Uint32Array; names: Uint8Array; dropped: number },
  ) {
    this.#ranges = ranges;
    this.dropped = dropped;
    this.#name = name;
    this.#names = names;
  }

  /**
   * Makes one table of several (a stripped file's dynamic one, and its mini debug info).
   *
   * @param stubs that the tables do not have
   * @param startAfter finds the first function behind an address that other tables of the file know: a symbol without
   * a size reaches no further
   */
  static build(
    tables: readonly RawSymbols[],
    stubs: readonly Stub[] = [],
    startAfter: (address: number) => number = () => Infinity,
  ): SymbolTable {
    const found = collect(tables, stubs);
    const order = ascending(found.address);
    const end = Float64Array.from(found.address, (address, i) => address + found.size[i]!);
    const rank = new Float64Array(order.length);
    for (let from = 0; from < order.length;) {
      const address = found.address[order[from]!]!;
      let to = from + 1;
      while (to < order.length && found.address[order[to]!] === address) to++;
      const next = to < order.length ? found.address[order[to]!]! : Infinity;
      for (const item of order.subarray(from, to)) {
        const sized = found.size[item]! > 0;
        if (!sized) end[item] = Math.min(next, found.sectionEnd[item]!, startAfter(found.address[item]!));
        // A symbol with a size goes before one without, an inner one before an outer one, then by preference.
        rank[item] = (sized ? 2 ** 48 : 0) + from * 256 + found.preference[item]!;
      }
      from = to;
    }
    const ranges = RangeTable.build({ start: found.address, end, rank });
    const name = Uint32Array.from(found.name);
    return new SymbolTable(ranges, { name, names: found.names(), dropped: found.dropped });
  }

  get size(): number {
    return this.#ranges.size;
  }

  /** The table takes so many bytes in memory. */
  get bytes(): number {
    return this.#ranges.bytes + this.#name.byteLength + this.#names.byteLength;
  }

  /** Returns the name of the function at `address`, as the file has it (mangled). */
  find(address: number): string | undefined {
    const item = this.#ranges.find(address);
    if (item < 0) return undefined;
    const from = this.#name[item]!;
    return decoder.decode(this.#names.subarray(from, this.#names.indexOf(0, from)));
  }
}

interface Collected {
  readonly address: number[];
  readonly size: number[];
  readonly sectionEnd: number[];
  readonly preference: number[];
  readonly name: number[];
  readonly dropped: number;
  names(): Uint8Array;
}

function collect(tables: readonly RawSymbols[], stubs: readonly Stub[]): Collected {
  const texts = new Texts();
  let dropped = 0;
  const to: Omit<Collected, "names" | "dropped"> = {
    address: [],
    size: [],
    sectionEnd: [],
    preference: [],
    name: [],
  };
  for (const table of tables) {
    eachFunction(table, (symbol, section) => {
      const name = nameAt(table.strings, symbol.name);
      if (name.length === 0) return;
      if (texts.length + name.length > MAX_NAMES_BYTES) return dropped++;
      to.address.push(symbol.address + table.bias);
      to.size.push(symbol.size);
      to.sectionEnd.push(section.address + section.size + table.bias);
      to.preference.push(preference(symbol, name));
      to.name.push(texts.add(name));
    });
  }
  for (const { address, size, name } of stubs) {
    const bytes = encoder.encode(name);
    if (texts.length + bytes.length > MAX_NAMES_BYTES) {
      dropped++;
      continue;
    }
    to.address.push(address);
    to.size.push(size);
    to.sectionEnd.push(address + size);
    to.preference.push(0);
    to.name.push(texts.add(bytes));
  }
  return { ...to, dropped, names: () => texts.finish() };
}

interface Symbol {
  readonly name: number;
  readonly type: number;
  readonly binding: number;
  readonly address: number;
  readonly size: number;
}

function eachFunction(table: RawSymbols, visit: (symbol: Symbol, section: RawSection) => unknown): void {
  const { symbols, bits, sections } = table;
  const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
  const entry = bits === 64 ? 24 : 16;
  for (let at = entry; at + entry <= symbols.length; at += entry) {
    const info = symbols[at + (bits === 64 ? 4 : 12)]!;
    const type = info & 15;
    if (type !== STT_FUNC && type !== STT_NOTYPE && type !== STT_GNU_IFUNC) continue;
    const section = sections[view.getUint16(at + (bits === 64 ? 6 : 14), true)];
    if (!section?.executable) continue; // Also those that are undefined or absolute.
    const word = (wide: number, narrow: number) =>
      bits === 64 ? u64(view, at + wide) : view.getUint32(at + narrow, true);
    const address = word(8, 4);
    if (address >= 2 ** 48) continue;
    visit({ name: view.getUint32(at, true), type, binding: info >> 4, address, size: word(16, 8) }, section);
  }
}

/** Returns the bytes of a name up to its end or to the version after `@`. */
function nameAt(strings: Uint8Array, from: number): Uint8Array {
  const limit = Math.min(strings.length, from + MAX_NAME_BYTES);
  let end = from;
  while (end < limit && strings[end] !== 0 && strings[end] !== 0x40) end++;
  return strings.subarray(from, end);
}

/**
 * Ranks the names of one function, of which the first is shown: as in libdw a global one before a weak one before a
 * local
 * one; then one of a function, and the one with the fewest leading underscores. 0–255.
 */
function preference({ binding, type }: Symbol, name: Uint8Array): number {
  const reach = binding === STB_GLOBAL ? 2 : binding === STB_WEAK ? 1 : 0;
  let underscores = 0;
  while (underscores < 15 && name[underscores] === 0x5f) underscores++;
  return reach * 64 + (type === STT_NOTYPE ? 0 : 32) + 15 - underscores;
}

/** Texts in one array, each ended by a 0. */
class Texts {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(text: Uint8Array): number {
    const at = this.#length;
    while (at + text.length + 1 > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(text, at);
    this.#length = at + text.length + 1;
    return at;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
