// SPDX-License-Identifier: Apache-2.0
/**
 * Takes out of an ELF file what its lines and inlined functions are read from, as a small ELF file in memory.
 *
 * libdw maps the files that it opens, and a mapped file that someone truncates kills who reads it. An image in
 * memory is the agent's own for as long as it is needed, holds no more than is needed, and its size is known.
 *
 * @module
 */

import { u64 } from "../common/u64.ts";
import type { ByteSource, FillingSource } from "./elf/byte_source.ts";
import {
  readSections,
  type Section,
  sectionBytes,
  SHF_COMPRESSED,
  SHT_NOBITS,
  textAt,
  viewOf,
} from "./elf/sections.ts";

/** Libdw reads these for functions, call sites and lines; locations of variables and indexes are left out. */
const WANTED = /^\.z?debug_(info|abbrev|line|str|line_str|ranges|rnglists|addr|str_offsets|types)$/;
const INFO = /^\.z?debug_info$/;
const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
/** Of a compressed section so many bytes tell how large it is. */
const COMPRESSION_BYTES = 24;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;

/** The section `.gnu_debugaltlink` names the file into which dwz put what several debug files have in common. */
export interface CommonLink {
  /** It is absolute, or from the folder of the file that has the link. */
  readonly path: string;
  readonly buildId: string;
}

/** A file's debug information. */
export interface Packed {
  /** ELF64, in the file's byte order and for its machine. */
  readonly image: Uint8Array<ArrayBuffer>;
  /** It takes so many bytes in memory once libelf has unpacked its compressed sections. */
  readonly bytes: number;
}

/** Tells whether the file itself has debug information, not only a link to it. */
export function hasDebugInfo(source: ByteSource): boolean {
  return readSections(source).some((s) =>
    INFO.test(s.name) && s.size > 0 && s.offset + s.size <= source.size
  );
}

/** Reads `.gnu_debuglink`: a file's name, and its CRC in the last four bytes. */
export function debugLink(source: ByteSource): { name: string; checksum: number } | undefined {
  const section = readSections(source).find((s) => s.name === ".gnu_debuglink" && s.size < 8192);
  const bytes = section && sectionBytes(source, section);
  if (!bytes || bytes.length < 8) return undefined;
  return { name: textAt(bytes, 0), checksum: viewOf(bytes).getUint32(bytes.length - 4, true) };
}

/** Reads `.gnu_debugaltlink`, where dwz was used: a path, 0, and a build id. */
export function commonLink(source: ByteSource): CommonLink | undefined {
  const section = readSections(source).find((s) => s.name === ".gnu_debugaltlink" && s.size < 8192);
  const bytes = section && sectionBytes(source, section);
  const end = bytes?.indexOf(0) ?? -1;
  if (bytes === undefined || end < 1) return undefined;
  return { path: textAt(bytes, 0), buildId: bytes.subarray(end + 1).toHex() };
}

/**
 * Packs the debug sections of `source`.
 *
 * @param options.makeRoom is told, before anything large is read, how many bytes it will take
 * @returns `undefined` when there are none, they are not whole, or take more than `limit` bytes
 */
export function packDebugInfo(
  source: FillingSource,
  limit: number,
  { makeRoom = () => {} }: { makeRoom?: (bytes: number) => void } = {},
): Packed | undefined {
  const found = readSections(source).filter((s) => WANTED.test(s.name) && s.size > 0);
  const stored = found.reduce((sum, s) => sum + s.size, 0);
  if (!found.some((s) => INFO.test(s.name)) || stored > limit) return undefined;
  const header = source.read(0, HEADER_BYTES);
  let bytes = stored;
  for (const section of found) {
    const { type, offset, size, flags } = section;
    if (type === SHT_NOBITS || offset + size > source.size) return undefined;
    if (header[4] !== 2 && flags & SHF_COMPRESSED) return undefined;
    bytes += unpackedBytes(section, source.read(offset, Math.min(size, COMPRESSION_BYTES)));
    if (bytes > limit) return undefined;
  }
  makeRoom(bytes);
  const image = assemble(header, { source, sections: found });
  return image && { image, bytes };
}

/** Returns the bytes to which libelf will unpack a section, as its header claims; 0 when it is not compressed. */
function unpackedBytes(section: Section, data: Uint8Array<ArrayBuffer>): number {
  // Elf64_Chdr: type, reserved, size, alignment.
  if (section.flags & SHF_COMPRESSED) return data.length < 24 ? Infinity : u64(viewOf(data), 8);
  // "ZLIB" and the size, in network byte order.
  if (section.name.startsWith(".z")) {
    return data.length < 12 ? Infinity : Number(viewOf(data).getBigUint64(4));
  }
  return 0;
}

/** Reads the sections into an image; `undefined` where the file ends before them. */
function assemble(
  original: Uint8Array<ArrayBuffer>,
  { source, sections }: { source: FillingSource; sections: readonly Section[] },
): Uint8Array<ArrayBuffer> | undefined {
  const names = new TextEncoder().encode(`\0.shstrtab\0${sections.map(({ name }) => name + "\0").join("")}`);
  const aligned = (size: number) => Math.ceil(size / 16) * 16;
  const data = sections.reduce((sum, { size }) => sum + aligned(size), 0);
  const tableAt = HEADER_BYTES + data + aligned(names.length);
  const image = new Uint8Array(tableAt + SECTION_BYTES * (sections.length + 2));
  const view = viewOf(image);
  image.set(original.subarray(0, 20)); // Magic number, class, byte order, type and machine.
  image[4] = 2;
  view.setUint32(20, 1, true); // e_version
  view.setUint32(40, tableAt, true); // e_shoff
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(58, SECTION_BYTES, true);
  view.setUint16(60, sections.length + 2, true);
  view.setUint16(62, sections.length + 1, true); // e_shstrndx
  let at = HEADER_BYTES;
  let nameAt = 11;
  const place = (
    index: number,
    { name, type, flags, size }: Record<"name" | "type" | "flags" | "size", number>,
  ) => {
    const header = tableAt + index * SECTION_BYTES;
    view.setUint32(header, name, true);
    view.setUint32(header + 4, type, true);
    view.setUint32(header + 8, flags, true);
    view.setUint32(header + 24, at, true);
    view.setUint32(header + 32, size, true);
    view.setUint32(header + 48, 8, true); // sh_addralign
    const room = image.subarray(at, at + size);
    at += aligned(size);
    return room;
  };
  for (const [i, { name, offset, size, flags }] of sections.entries()) {
    const room = place(i + 1, { name: nameAt, type: SHT_PROGBITS, flags: flags & SHF_COMPRESSED, size });
    if (source.readInto(room, offset) < size) return undefined;
    nameAt += name.length + 1;
  }
  place(sections.length + 1, { name: 1, type: SHT_STRTAB, flags: 0, size: names.length }).set(names);
  return image;
}
