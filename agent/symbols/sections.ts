/**
 * The section table of an ELF file, with names (elf(5)); section contents are read where they are asked for.
 *
 * @module
 */

import type { ByteSource } from "./elf.ts";

/** `sh_*` of a section header. */
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
const MAX_SECTIONS = 0xff00;
const MAX_NAMES_BYTES = 4 << 20;
const decoder = new TextDecoder();

/** The sections of a file; none where the table is missing, not whole, or not of this byte order. */
export function readSections(source: ByteSource): Section[] {
  const header = source.read(0, 64);
  if (header.length < 64 || header[5] !== 1) return [];
  const wide = header[4] === 2;
  const view = viewOf(header);
  const offset = wide ? u64(view, 40) : view.getUint32(32, true);
  const [entry, count, names] = [0, 2, 4].map((at) => view.getUint16((wide ? 58 : 46) + at, true));
  if (entry !== (wide ? 64 : 40) || count! > MAX_SECTIONS) return [];
  const table = source.read(offset, entry * count!);
  if (offset === 0 || table.length < entry * count!) return [];
  const sections = Array.from({ length: count! }, (_, i) => parse(viewOf(table), i * entry, wide));
  const texts = sections[names!];
  if (texts === undefined || texts.size > MAX_NAMES_BYTES) return [];
  const bytes = source.read(texts.offset, texts.size);
  return sections.map(({ nameAt, ...section }) => ({ ...section, name: textAt(bytes, nameAt) }));
}

/** What `section` holds in the file; `undefined` when the file ends before its end, or it is not in the file. */
export function sectionBytes(source: ByteSource, section: Section): Uint8Array<ArrayBuffer> | undefined {
  if (section.type === SHT_NOBITS || section.offset + section.size > source.size) return undefined;
  const bytes = source.read(section.offset, section.size);
  return bytes.length === section.size ? bytes : undefined;
}

/** The text at `from` up to its 0. */
export function textAt(bytes: Uint8Array, from: number): string {
  const end = bytes.indexOf(0, from);
  return decoder.decode(bytes.subarray(from, end < 0 ? bytes.length : end));
}

/** Exact up to 2^53; a larger value is no offset or address of a real file, and stays larger than any. */
export function u64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

export function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function parse(view: DataView, at: number, wide: boolean) {
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
