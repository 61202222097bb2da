// SPDX-License-Identifier: Apache-2.0
/**
 * The section table of an ELF file, with names (elf(5)); section contents are read where they are asked for.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import type { ByteSource } from "./byte_source.ts";

/** A section header holds these as `sh_*`. */
export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly entry: number;
  readonly link: number;
  readonly info: number;
}

export const SHT_NOBITS = 8;
export const SHF_COMPRESSED = 0x800;
const SHN_XINDEX = 0xffff;
/** Files of this many are relocatable, for a linker. */
const MAX_SECTIONS = 65_536;
const MAX_NAMES_BYTES = 4 << 20;
/** The rest of a longer name is left out: all names may end at the same place. */
const MAX_NAME = 256;
const decoder = new TextDecoder();

/** A section's header without its name, which is `nameAt` in the section of names. */
export type SectionHeader = Omit<Section, "name"> & { readonly nameAt: number };

/** Returns the sections of a file; none where the table is missing, not whole, or not of this byte order. */
export function readSections(source: ByteSource): Section[] {
  const place = findTable(source);
  const headers = place && readHeaders(source, place);
  const texts = headers?.[place!.names];
  if (texts === undefined || texts.size > MAX_NAMES_BYTES) return [];
  const bytes = source.read(texts.offset, texts.size);
  return headers!.map(({ nameAt, ...section }) => ({ ...section, name: nameIn(bytes, nameAt) }));
}

function nameIn(bytes: Uint8Array, at: number): string {
  return textAt(bytes.subarray(at, at + MAX_NAME), 0);
}

/**
 * Returns the headers of a file's sections; none when it has no table of them, `undefined` when the table is not whole.
 */
export function readSectionHeaders(source: ByteSource): SectionHeader[] | undefined {
  const place = findTable(source);
  return place && readHeaders(source, place);
}

interface TablePlace {
  readonly wide: boolean;
  readonly offset: number;
  readonly entry: number;
  readonly count: number;
  /** The index of the section of names. */
  readonly names: number;
}

function findTable(source: ByteSource): TablePlace | undefined {
  const header = source.read(0, 64);
  if (header.length < 52 || header[5] !== 1) return undefined;
  const wide = header[4] === 2;
  if (wide && header.length < 64) return undefined;
  const view = viewOf(header);
  const offset = wide ? u64(view, 40) : view.getUint32(32, true);
  const [entry, count, names] = [0, 2, 4].map((at) => view.getUint16((wide ? 58 : 46) + at, true));
  const place = { wide, offset, entry: entry!, count: offset === 0 ? 0 : count!, names: names! };
  if (offset === 0 || (count !== 0 && names !== SHN_XINDEX)) return place;
  // What does not fit in 16 bits stands in the first header (gABI, "e_shnum").
  const [first] = readHeaders(source, { ...place, count: 1 }) ?? [];
  if (first === undefined) return undefined;
  return {
    ...place,
    count: count === 0 ? first.size : count!,
    names: names === SHN_XINDEX ? first.link : names!,
  };
}

function readHeaders(
  source: ByteSource,
  { wide, offset, entry, count }: TablePlace,
): SectionHeader[] | undefined {
  if (count === 0) return [];
  const length = entry * count;
  if (entry !== (wide ? 64 : 40) || count > MAX_SECTIONS || offset + length > source.size) return undefined;
  const bytes = source.read(offset, length);
  if (bytes.length < length) return undefined;
  return Array.from({ length: count }, (_, i) => parse(viewOf(bytes), i * entry, wide));
}

/**
 * Returns what `section` holds in the file; `undefined` when the file ends before its end, or it is not in the file.
 */
export function sectionBytes(source: ByteSource, section: Section): Uint8Array<ArrayBuffer> | undefined {
  if (section.type === SHT_NOBITS || section.offset + section.size > source.size) return undefined;
  const bytes = source.read(section.offset, section.size);
  return bytes.length === section.size ? bytes : undefined;
}

/** Returns the text at `from`, up to its 0. */
export function textAt(bytes: Uint8Array, from: number): string {
  const end = bytes.indexOf(0, from);
  return decoder.decode(bytes.subarray(from, end < 0 ? bytes.length : end));
}

export function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function parse(view: DataView, at: number, wide: boolean): SectionHeader {
  const word = (index: number) =>
    wide ? u64(view, at + 8 + 8 * index) : view.getUint32(at + 8 + 4 * index, true);
  return {
    nameAt: view.getUint32(at, true),
    type: view.getUint32(at + 4, true),
    flags: word(0),
    address: word(1),
    offset: word(2),
    size: word(3),
    link: view.getUint32(at + (wide ? 40 : 24), true),
    info: view.getUint32(at + (wide ? 44 : 28), true),
    entry: wide ? u64(view, at + 56) : view.getUint32(at + 36, true),
  };
}
