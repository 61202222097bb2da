// SPDX-License-Identifier: Apache-2.0
/**
 * Finds symbols of a library in the memory of a process that has it loaded, in the way of the dynamic loader: through
 * the hash table that PT_DYNAMIC leads to. So nothing depends on where the file is, or whether it still is.
 *
 * Formats: elf(5) for headers and the dynamic section; DT_GNU_HASH as glibc's and binutils' sources define it.
 *
 * @module
 */

import { type Memory, wordAt } from "./memory.ts";

const ELF_MAGIC = 0x7f454c46;
const CLASS_64_LITTLE_ENDIAN = 0x0201;
const HEADER_BYTES = 64;
const PROGRAM_BYTES = 56;
const SYMBOL_BYTES = 24;
const DYNAMIC_BYTES = 16;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NULL = 0;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_GNU_HASH = 0x6ffffef5;
const MAX_PROGRAMS = 128;
const MAX_DYNAMIC_BYTES = 8192;
/** Symbols with one hash value, more or less; real tables have a handful, and each is a read of a process's memory. */
const MAX_CHAIN = 256;
const encoder = new TextEncoder();

/** The dynamic symbols of one loaded file. */
export class DynamicSymbols {
  readonly #memory: Memory;
  readonly #bias: number;
  readonly #symbols: number;
  readonly #strings: number;
  readonly #hash: number;

  private constructor(
    memory: Memory,
    at: { bias: number; symbols: number; strings: number; hash: number },
  ) {
    this.#memory = memory;
    this.#bias = at.bias;
    this.#symbols = at.symbols;
    this.#strings = at.strings;
    this.#hash = at.hash;
  }

  /**
   * @param base where the file's first byte is mapped
   * @returns `undefined` when no 64-bit ELF file is there, or it has no symbols for others
   */
  static at(memory: Memory, base: number): DynamicSymbols | undefined {
    const programs = readPrograms(memory, base);
    const first = programs?.find(({ type, offset }) => type === PT_LOAD && offset === 0);
    const dynamic = programs?.find(({ type }) => type === PT_DYNAMIC);
    if (first === undefined || dynamic === undefined) return undefined;
    const bias = base - first.address;
    const size = Math.min(dynamic.size, MAX_DYNAMIC_BYTES);
    const bytes = memory.read(dynamic.address + bias, size - size % DYNAMIC_BYTES);
    if (bytes === undefined) return undefined;
    const entries = new Map<number, number>();
    for (let at = 0; at < bytes.length && wordAt(bytes, at) !== DT_NULL; at += DYNAMIC_BYTES) {
      // glibc adds the bias in place, musl does not.
      const value = wordAt(bytes, at + 8);
      entries.set(wordAt(bytes, at), value >= base ? value : value + bias);
    }
    const [symbols, strings, hash] = [DT_SYMTAB, DT_STRTAB, DT_GNU_HASH].map((tag) => entries.get(tag));
    if (symbols === undefined || strings === undefined || hash === undefined) return undefined;
    return new DynamicSymbols(memory, { bias, symbols, strings, hash });
  }

  /** Returns the address, in the process, of what `name` is defined as here; `undefined` when it is not. */
  find(name: string): number | undefined {
    const head = this.#memory.read(this.#hash, 16);
    if (head === undefined) return undefined;
    const [buckets, firstSymbol, bloomWords] = words(head);
    if (!buckets) return undefined;
    const hash = gnuHash(name);
    const bucketsAt = this.#hash + 16 + bloomWords! * 8;
    let symbol = this.#u32(bucketsAt + hash % buckets * 4) ?? 0;
    if (symbol < firstSymbol!) return undefined;
    for (let steps = 0; steps < MAX_CHAIN; steps++, symbol++) {
      const link = this.#u32(bucketsAt + (buckets + symbol - firstSymbol!) * 4);
      if (link === undefined) return undefined;
      if ((link | 1) >>> 0 === (hash | 1) >>> 0) {
        const address = this.#valueIf(symbol, name);
        if (address !== undefined) return address;
      }
      if (link & 1) return undefined;
    }
    return undefined;
  }

  #valueIf(symbol: number, name: string): number | undefined {
    const bytes = this.#memory.read(this.#symbols + symbol * SYMBOL_BYTES, SYMBOL_BYTES);
    if (bytes === undefined) return undefined;
    const wanted = encoder.encode(`${name}\0`);
    const section = bytes[6]! | bytes[7]! << 8;
    const text = this.#memory.read(this.#strings + words(bytes)[0]!, wanted.length);
    if (section === 0 || !text?.every((byte, i) => byte === wanted[i])) return undefined;
    return wordAt(bytes, 8) + this.#bias;
  }

  #u32(address: number): number | undefined {
    const bytes = this.#memory.read(address, 4);
    return bytes && words(bytes)[0];
  }
}

interface Program {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function readPrograms(memory: Memory, base: number): Program[] | undefined {
  const header = memory.read(base, HEADER_BYTES);
  if (header === undefined) return undefined;
  const view = new DataView(header.buffer);
  if (view.getUint32(0) !== ELF_MAGIC || view.getUint16(4) !== CLASS_64_LITTLE_ENDIAN) return undefined;
  const count = view.getUint16(56, true);
  if (view.getUint16(54, true) !== PROGRAM_BYTES || count > MAX_PROGRAMS) return undefined;
  const table = memory.read(base + wordAt(header, 32), count * PROGRAM_BYTES);
  if (table === undefined) return undefined;
  return Array.from({ length: count }, (_, i) => {
    const at = i * PROGRAM_BYTES;
    return {
      type: new DataView(table.buffer).getUint32(at, true),
      offset: wordAt(table, at + 8),
      address: wordAt(table, at + 16),
      size: wordAt(table, at + 40),
    };
  });
}

/** Hashes as DT_GNU_HASH does: from 5381 on, times 33 plus each byte. */
function gnuHash(name: string): number {
  return encoder.encode(name).reduce((hash, byte) => (Math.imul(hash, 33) + byte) >>> 0, 5381);
}

function words(bytes: Uint8Array<ArrayBuffer>): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4, true));
}
