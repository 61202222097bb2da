// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the image of a file's functions of the symbol tables that it has.
 *
 * A large file has some hundred thousand symbols, so that nothing is made for one of them: they are in arrays of which
 * the memory is given back as soon as the image is done.
 *
 * @module
 */

import { u64 } from "../common/u64.ts";
import type { Stub } from "./plt.ts";
import { ascending, disjoint } from "./ranges.ts";
import { type ImageFlags, type ItemNames, SymbolImage } from "./symbol_image.ts";

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
  /** The version of each symbol, where it is in a section of its own (Elf64_Versym). */
  readonly versions?: Uint8Array<ArrayBuffer> | undefined;
}

export interface RawSection {
  readonly address: number;
  readonly size: number;
  readonly executable: boolean;
}

const STT_NOTYPE = 0;
const STT_OBJECT = 1;
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
const encoder = new TextEncoder();

/** Says which symbols are wanted: of functions, or of variables that have an address of their own. */
export type SymbolsOf = "functions" | "data";

export interface ImageSources {
  /** @default {"functions"} */
  readonly of?: SymbolsOf;
  /** They are joined: a stripped file's dynamic one, and its mini debug info. */
  readonly tables: readonly RawSymbols[];
  /** The tables do not have these. @default none */
  readonly stubs?: readonly Stub[];
  /**
   * Finds the first function behind an address that other tables of the file know: a symbol without a size reaches no
   * further. @default {there is none}
   */
  readonly startAfter?: (address: number) => number;
  /** Gives the memory of the tables' symbols back as soon as they are read; their strings are needed to the end. */
  readonly consumes?: boolean;
}

/** Returns the image of all functions, or of all variables, see {@linkcode SymbolImage}. */
export function buildSymbolImage(
  { of = "functions", tables, stubs = [], startAfter = () => Infinity, consumes = false }: ImageSources,
): Uint8Array<ArrayBuffer> {
  const found = new Collected(tables, stubs, of);
  if (consumes) free(...tables.map(({ symbols }) => symbols));
  const { address, size, sectionEnd, preference } = found;
  const order = ascending(address);
  const end = Float64Array.from(address, (address, i) => address + size[i]!);
  const rank = new Float64Array(order.length);
  for (let from = 0; from < order.length;) {
    const start = address[order[from]!]!;
    let to = from + 1;
    while (to < order.length && address[order[to]!] === start) to++;
    const next = to < order.length ? address[order[to]!]! : Infinity;
    for (const item of order.subarray(from, to)) {
      const sized = size[item]! > 0;
      if (!sized) end[item] = Math.min(next, sectionEnd[item]!, startAfter(start));
      // A symbol with a size goes before one without, an inner one before an outer one, then by preference.
      rank[item] = (sized ? 2 ** 48 : 0) + from * 256 + preference[item]!;
    }
    from = to;
  }
  const ranges = disjoint({ start: address, end, rank }, order);
  // The image is large: it is made when what only its ranges needed is gone.
  free(order, end, rank);
  found.freeRanges();
  const flags: ImageFlags = { whole: tables.some(({ full }) => full), dropped: found.dropped };
  const image = SymbolImage.encode(ranges, found, flags);
  found.freeNames();
  free(ranges.start, ranges.end, ranges.item);
  return image;
}

/** Gives memory back now, not when the engine finds that nobody has it any more; what is given back already stays so. */
export function free(...arrays: readonly { readonly buffer: ArrayBuffer }[]): void {
  for (const { buffer } of arrays) if (!buffer.detached) buffer.transfer(0);
}

/** The functions of all tables, one after another. */
class Collected implements ItemNames {
  readonly address: Float64Array<ArrayBuffer>;
  readonly size: Float64Array<ArrayBuffer>;
  readonly sectionEnd: Float64Array<ArrayBuffer>;
  readonly preference: Uint8Array<ArrayBuffer>;
  /** Functions that were left out, as all names together are too long. */
  dropped = 0;
  /** The name of a function: the table that it is of, where that has it, and its length. Those of stubs come last. */
  readonly #table: Uint8Array<ArrayBuffer>;
  readonly #at: Uint32Array<ArrayBuffer>;
  readonly #nameLength: Uint16Array<ArrayBuffer>;
  readonly #strings: readonly Strings[];
  readonly #names: readonly { readonly buffer: ArrayBuffer }[];
  #length = 0;
  #nameBytes = 0;

  constructor(tables: readonly RawSymbols[], stubs: readonly Stub[], of: SymbolsOf) {
    const most = tables.reduce((sum, { symbols, bits }) => sum + symbols.length / entryBytes(bits), 0);
    const entries = Math.floor(most) + stubs.length;
    const [address, size, sectionEnd] = [0, 1, 2].map(() => new Float64Array(entries)) as [
      Float64Array<ArrayBuffer>,
      Float64Array<ArrayBuffer>,
      Float64Array<ArrayBuffer>,
    ];
    const [preference, table, at, nameLength] = [
      new Uint8Array(entries),
      new Uint8Array(entries),
      new Uint32Array(entries),
      new Uint16Array(entries),
    ];
    this.#names = [table, at, nameLength];
    [this.address, this.size, this.sectionEnd] = [address, size, sectionEnd];
    [this.preference, this.#table, this.#at, this.#nameLength] = [preference, table, at, nameLength];
    const own = stubNames(stubs);
    this.#strings = [...tables.map(({ strings }) => ({ bytes: strings, end: VERSION })), own];
    tables.forEach((table, number) => this.#addTable(table, number, of));
    stubs.forEach(({ address, size }, i) => {
      const row = this.#addRow(tables.length, own.at[i]!);
      if (row < 0) return;
      this.address[row] = address;
      this.size[row] = size;
      this.sectionEnd[row] = address + size;
    });
    const length = this.#length;
    this.address = address.subarray(0, length);
    this.size = size.subarray(0, length);
    this.sectionEnd = sectionEnd.subarray(0, length);
    this.preference = preference.subarray(0, length);
  }

  get count(): number {
    return this.#length;
  }

  lengthOf(row: number): number {
    return this.#nameLength[row]!;
  }

  copyName(row: number, to: Uint8Array, at: number): void {
    const { bytes } = this.#strings[this.#table[row]!]!;
    const from = this.#at[row]!;
    const length = this.#nameLength[row]!;
    for (let i = 0; i < length; i++) to[at + i] = bytes[from + i]!;
  }

  /** Gives back what says where functions lie. */
  freeRanges(): void {
    free(this.address, this.size, this.sectionEnd, this.preference);
  }

  /** Gives back what says how they are called. */
  freeNames(): void {
    free(...this.#names);
  }

  #addTable({ symbols, bits, sections, bias, versions }: RawSymbols, number: number, of: SymbolsOf): void {
    const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
    const wide = bits === 64;
    const entry = entryBytes(bits);
    for (let at = entry; at + entry <= symbols.length; at += entry) {
      const info = symbols[at + (wide ? 4 : 12)]!;
      if (!isWanted(info & 15, of)) continue;
      const section = sections[view.getUint16(at + (wide ? 6 : 14), true)];
      // Without a section it is undefined or absolute.
      if (section === undefined || section.executable !== (of === "functions")) continue;
      const address = wide ? u64(view, at + 8) : view.getUint32(at + 4, true);
      if (address >= 2 ** 48) continue;
      const row = this.#addRow(number, view.getUint32(at, true));
      if (row < 0) continue;
      this.address[row] = address + bias;
      this.size[row] = wide ? u64(view, at + 16) : view.getUint32(at + 8, true);
      this.sectionEnd[row] = section.address + section.size + bias;
      const version = versions?.[2 * (at / entry) + 1] ?? 0;
      this.preference[row] = this.#preference(row, info, (version & HIDDEN) !== 0);
    }
  }

  /** Returns -1 for a function without a name, or one that is left out. */
  #addRow(table: number, at: number): number {
    const length = nameLength(this.#strings[table]!, at);
    if (length === 0) return -1;
    if (this.#nameBytes + length > MAX_NAMES_BYTES) {
      this.dropped++;
      return -1;
    }
    this.#nameBytes += length;
    this.#table[this.#length] = table;
    this.#at[this.#length] = at;
    this.#nameLength[this.#length] = length;
    return this.#length++;
  }

  /**
   * Ranks the names of one function, of which the first is shown: as in libdw a global one before a weak one before a
   * local one; then one of a function, and the one with the fewest leading underscores; glibc's `__GI_` for calls within
   * itself, and one of a version that is not the default, which nobody calls it by any more (`cfree`), after all others.
   * 0–255.
   *
   * @param info `st_info` of the symbol
   * @param hidden by the section of versions; else the name tells, where a version follows it
   */
  #preference(row: number, info: number, hidden: boolean): number {
    const { bytes } = this.#strings[this.#table[row]!]!;
    const from = this.#at[row]!;
    const binding = info >> 4;
    const reach = binding === STB_GLOBAL ? 2 : binding === STB_WEAK ? 1 : 0;
    let underscores = 0;
    while (underscores < 15 && bytes[from + underscores] === 0x5f) underscores++;
    if (underscores === 2 && INTERNAL.every((byte, i) => bytes[from + 2 + i] === byte)) underscores = 15;
    const end = from + this.#nameLength[row]!;
    if (hidden || (bytes[end] === VERSION && bytes[end + 1] !== VERSION)) underscores = 15;
    return reach * 64 + ((info & 15) === STT_NOTYPE ? 0 : 32) + 15 - underscores;
  }
}

/** The strings of a table; a name in them ends with a 0, or with `end`. */
interface Strings {
  readonly bytes: Uint8Array;
  readonly end: number;
}

/** In a full table of symbols a version follows the name, after two of these where it is the default. */
const VERSION = 0x40;
/** Marks a version that is not the default, in the second byte of its number. */
const HIDDEN = 0x80;

/** Returns the names of stubs as a table of symbols has them, and where each is; that ends with `@plt`, which is kept. */
function stubNames(stubs: readonly Stub[]): Strings & { readonly at: readonly number[] } {
  const at: number[] = [];
  const parts: string[] = [];
  let bytes = 0;
  for (const { name } of stubs) {
    at.push(bytes);
    parts.push(`${name}\0`);
    bytes += encoder.encode(name).length + 1;
  }
  return { bytes: encoder.encode(parts.join("")), end: 0, at };
}

function entryBytes(bits: RawSymbols["bits"]): number {
  return bits === 64 ? 24 : 16;
}

function isWanted(type: number, of: SymbolsOf): boolean {
  if (of === "data") return type === STT_OBJECT;
  return type === STT_FUNC || type === STT_NOTYPE || type === STT_GNU_IFUNC;
}

/** Returns the bytes that a name has up to its end. */
function nameLength({ bytes, end: other }: Strings, from: number): number {
  const limit = Math.min(bytes.length, from + MAX_NAME_BYTES);
  let end = from;
  while (end < limit && bytes[end] !== 0 && bytes[end] !== other) end++;
  return Math.max(0, end - from);
}

/** Follows two underscores. */
const INTERNAL = new TextEncoder().encode("GI_");
