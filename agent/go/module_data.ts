// SPDX-License-Identifier: Apache-2.0
/**
 * Finds Go's own tables in a program: the line table (`.gopclntab`), and the structure of the runtime that says where
 * the code and the data of functions are (`runtime.firstmoduledata`). Both are in stripped programs, too.
 *
 * Formats: `internal/abi` and `runtime/symtab.go` of Go, `moduledata` of 1.16 to 1.27.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import type { ElfInfo, Segment } from "../../symbols/elf/elf.ts";
import { u64 } from "../../common/u64.ts";
import { readSections, type Section, sectionBytes, viewOf } from "../../symbols/elf/sections.ts";
import { ascending, lowerBound } from "../../symbols/ranges.ts";

/** The forms of the line table, by the first four bytes. */
export const GO_1_16 = 0xfffffffa;
export const GO_1_18 = 0xfffffff0;
export const GO_1_20 = 0xfffffff1;
const FORMS = [GO_1_16, GO_1_18, GO_1_20];

/** In a position-independent program the table is data that the loader relocates. */
const LINE_TABLES = [".gopclntab", ".data.rel.ro.gopclntab"];
/** Where another linker put it among other such data, as with cgo, these still tell that Go made the program. */
const MARKS = [".go.buildinfo", ".note.go.buildid"];
/** Go aligns the table to so many bytes. */
const TABLE_ALIGNMENT = 32;
const SHT_RELA = 4;
const RELA_BYTES = 24;
/** R_X86_64_RELATIVE and R_AARCH64_RELATIVE. */
const RELATIVE = [8, 1027];
/** No more than this is searched of all segments, and of all sections of relocations. */
const MAX_BYTES = 64 << 20;
/** Offsets in `moduledata`. */
const TEXT = 176;
const FUNCTION_DATA: Readonly<Record<number, number>> = { [GO_1_18]: 304, [GO_1_20]: 320 };
/** The table's header has so many bytes. */
const HEADER_BYTES = 72;

/** Tells where Go's tables are in a file. */
export interface GoTables {
  /** One of {@linkcode GO_1_16}, {@linkcode GO_1_18} and {@linkcode GO_1_20}. */
  readonly form: number;
  /** The line table is here: as the program headers count, and in the file, in bytes. */
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  /** Addresses of functions count from here, as the program headers do. */
  readonly text: number;
  /** The file offset of the data of functions (`go:func.*`); `undefined` where it was not found, or is not used. */
  readonly functionData: number | undefined;
  /** Returns what the loader of a position-independent program puts at `address`. */
  relocatedAt(address: number): number | undefined;
  /** Returns the address that a pointer at `address` has once the program is loaded. */
  pointerAt(address: number): number | undefined;
  /** Returns where in the file is what the program has at `address`. */
  offsetOf(address: number): number | undefined;
}

/** Returns whether a program has what Go's linker leaves in all of its own; the sections' headers alone are read. */
export function isGoProgram(source: ByteSource): boolean {
  return hasMarks(readSections(source));
}

function hasMarks(sections: readonly Section[]): boolean {
  return sections.some(({ name }) => LINE_TABLES.includes(name) || MARKS.includes(name));
}

/** Finds the tables of a Go program; `undefined` where it is none, or its tables make no sense. */
export function findGoTables(source: ByteSource, elf: ElfInfo): GoTables | undefined {
  if (elf.bits !== 64) return undefined;
  const sections = readSections(source);
  const image = new Image(source, elf.segments, sections);
  const named = sections.find(({ name }) => LINE_TABLES.includes(name));
  if (named) return tablesAt(source, named, { image, sections });
  if (!hasMarks(sections)) return undefined;
  for (const place of image.lineTables()) {
    const tables = tablesAt(source, place, { image, sections });
    // Bytes that only look like the table have no pointers to them.
    if (tables?.found) return tables;
  }
  return undefined;
}

/** Reads what is at `table`; `found` says whether the runtime's structure points there. */
function tablesAt(
  source: ByteSource,
  table: Pick<Section, "address" | "offset" | "size">,
  { image, sections }: { image: Image; sections: readonly Section[] },
): GoTables & { readonly found: boolean } | undefined {
  if (table.offset + table.size > source.size || table.size < HEADER_BYTES) return undefined;
  const header = viewOf(source.read(table.offset, HEADER_BYTES));
  if (header.byteLength < HEADER_BYTES || !isHeader(header, 0)) return undefined;
  const form = header.getUint32(0, true);
  const names = table.address + u64(header, form === GO_1_16 ? 24 : 32);
  const data = image.find([table.address, names]);
  const text = data === undefined ? undefined : image.pointerAt(data + TEXT);
  const functions = FUNCTION_DATA[form];
  const functionData = data === undefined || functions === undefined
    ? undefined
    : image.pointerAt(data + functions);
  return {
    form,
    found: data !== undefined,
    address: table.address,
    offset: table.offset,
    size: table.size,
    text: text ?? (u64(header, 24) || textSection(sections)),
    functionData: functionData === undefined ? undefined : image.offsetOf(functionData),
    relocatedAt: (address) => image.relocatedAt(address),
    pointerAt: (address) => image.pointerAt(address),
    offsetOf: (address) => image.offsetOf(address),
  };
}

/** Tells whether a line table may begin there: its form, zeros, the smallest instruction, the size of a pointer. */
function isHeader(view: DataView, at: number): boolean {
  return FORMS.includes(view.getUint32(at, true)) && view.getUint16(at + 4) === 0 &&
    view.getUint8(at + 7) === 8;
}

function textSection(sections: readonly Section[]): number {
  return sections.find(({ name }) => name === ".text")?.address ?? 0;
}

/** Gives the program's data as they are once it is loaded, at the addresses of its program headers. */
class Image {
  readonly #source: ByteSource;
  readonly #segments: readonly Segment[];
  readonly #sections: readonly Section[];
  #relocations: Relocations | undefined;

  constructor(source: ByteSource, segments: readonly Segment[], sections: readonly Section[]) {
    this.#source = source;
    this.#segments = segments;
    this.#sections = sections;
  }

  /** Returns the address of the first place that has these pointers, one after the other. */
  find(pointers: readonly [number, number]): number | undefined {
    return this.#inFile(pointers) ?? this.#relocated(pointers);
  }

  /** Yields the places in data that may be line tables, up to the end of their segment. */
  *lineTables(): Generator<Pick<Section, "address" | "offset" | "size">> {
    for (const { executable, offset, fileSize, address } of this.#segments) {
      if (executable || fileSize > MAX_BYTES) continue;
      const view = viewOf(this.#source.read(offset, fileSize));
      const first = (TABLE_ALIGNMENT - address % TABLE_ALIGNMENT) % TABLE_ALIGNMENT;
      for (let at = first; at + HEADER_BYTES <= view.byteLength; at += TABLE_ALIGNMENT) {
        if (!isHeader(view, at)) continue;
        yield { address: address + at, offset: offset + at, size: view.byteLength - at };
      }
    }
  }

  relocatedAt(address: number): number | undefined {
    return this.#relocations?.get(address);
  }

  pointerAt(address: number): number | undefined {
    const relocated = this.relocatedAt(address);
    if (relocated !== undefined) return relocated;
    const offset = this.offsetOf(address);
    if (offset === undefined) return undefined;
    const bytes = this.#source.read(offset, 8);
    return bytes.length === 8 ? u64(viewOf(bytes), 0) || undefined : undefined;
  }

  offsetOf(address: number): number | undefined {
    const segment = this.#segments.find((s) => address >= s.address && address < s.address + s.fileSize);
    return segment && segment.offset + address - segment.address;
  }

  #inFile([first, second]: readonly [number, number]): number | undefined {
    const wanted = new Uint8Array(16);
    new DataView(wanted.buffer).setBigUint64(0, BigInt(first), true);
    new DataView(wanted.buffer).setBigUint64(8, BigInt(second), true);
    let left = MAX_BYTES;
    for (const { executable, offset, fileSize, address } of this.#segments) {
      if (executable || fileSize > left) continue;
      left -= fileSize;
      const at = indexOf(this.#source.read(offset, fileSize), wanted);
      if (at >= 0) return address + at;
    }
    return undefined;
  }

  #relocated([first, second]: readonly [number, number]): number | undefined {
    this.#relocations ??= new Relocations(this.#source, this.#sections);
    return this.#relocations.find(first, second);
  }
}

/** What the loader of a position-independent program puts where. There may be a million, so that each takes 16 bytes. */
class Relocations {
  /** They ascend. */
  readonly #addresses: Float64Array;
  readonly #pointers: Float64Array;

  constructor(source: ByteSource, sections: readonly Section[]) {
    const tables = tablesOf(sections);
    const most = tables.reduce((sum, { size }) => sum + Math.floor(size / RELA_BYTES), 0);
    const [addresses, pointers] = [new Float64Array(most), new Float64Array(most)];
    let count = 0;
    for (const table of tables) {
      const bytes = sectionBytes(source, table);
      if (bytes === undefined) continue;
      const view = viewOf(bytes);
      for (let at = 0; at + RELA_BYTES <= bytes.length; at += RELA_BYTES) {
        if (!RELATIVE.includes(view.getUint32(at + 8, true))) continue;
        addresses[count] = u64(view, at);
        pointers[count++] = u64(view, at + 16);
      }
    }
    const order = ascending(addresses.subarray(0, count));
    this.#addresses = Float64Array.from(order, (from) => addresses[from]!);
    this.#pointers = Float64Array.from(order, (from) => pointers[from]!);
  }

  get(address: number): number | undefined {
    const at = lowerBound(this.#addresses, address);
    return this.#addresses[at] === address ? this.#pointers[at] : undefined;
  }

  /** Returns the first address that gets `first`, where the next one gets `second`. */
  find(first: number, second: number): number | undefined {
    for (let at = this.#pointers.indexOf(first); at >= 0; at = this.#pointers.indexOf(first, at + 1)) {
      const address = this.#addresses[at]!;
      if (this.get(address + 8) === second) return address;
    }
    return undefined;
  }
}

/** Returns the sections of relocations, up to the bound of all. */
function tablesOf(sections: readonly Section[]): Section[] {
  let left = MAX_BYTES;
  return sections.filter(({ type, size }) => {
    if (type !== SHT_RELA || size > left) return false;
    left -= size;
    return true;
  });
}

/** Returns where the 16 bytes of `wanted` begin in `bytes`, at a multiple of 8; -1 for nowhere. */
function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  const words = new BigUint64Array(wanted.buffer, wanted.byteOffset, 2);
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const all = new BigUint64Array(aligned.buffer, aligned.byteOffset, aligned.length >> 3);
  for (let at = all.indexOf(words[0]!); at >= 0; at = all.indexOf(words[0]!, at + 1)) {
    if (all[at + 1] === words[1]) return at * 8;
  }
  return -1;
}
