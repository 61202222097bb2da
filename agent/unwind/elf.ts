/**
 * Reads of an ELF file what unwinding needs: the program headers, and the sections by name.
 *
 * Formats: the System V ABI's chapters 4 and 5 (gABI), `elf.h` for names.
 *
 * @module
 */

import { MalformedError, Reader } from "./reader.ts";

/** Where an ELF image is read from. */
export interface ElfSource {
  /** In bytes. */
  readonly size: number;
  /** `length` bytes from `offset` on, fewer where the image ends. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Why an image cannot be read as an ELF file. */
export class ElfError extends Error {
  override readonly name = "ElfError";
}

/** `p_*` of a program header. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  /** Bytes in the file. */
  readonly size: number;
}

/** `sh_*` of a section header. */
export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

export interface Elf {
  readonly source: ElfSource;
  /** What of `e_machine`, e.g. {@linkcode EM_X86_64}. */
  readonly machine: number;
  readonly segments: readonly Segment[];
  /** Empty where the headers were stripped or lie beyond the end of a truncated file. */
  readonly sections: readonly Section[];
}

export const EM_X86_64 = 62;
export const PT_LOAD = 1;
export const PT_GNU_EH_FRAME = 0x6474e550;
export const PF_X = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const SHT_NOBITS = 8;
const SHF_COMPRESSED = 0x800;
const ELFCOMPRESS_ZLIB = 1;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const SECTION_BYTES = 64;
/** The most that one section may hold, unpacked; the largest known has 60 MiB. */
const MAX_SECTION_BYTES = 256 * 1024 * 1024;
/** Deflate makes nothing smaller than a 1,032nd. */
const MAX_RATIO = 1032;
/** The most section or program headers that are read. */
const MAX_HEADERS = 65_536;

/** An image that is in memory, e.g. the vDSO. */
export function bytesSource(bytes: Uint8Array): ElfSource {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

/** An open file. One read at a time: the file has one position. */
export async function fileSource(file: Deno.FsFile): Promise<ElfSource> {
  const { size } = await file.stat();
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      await file.seek(offset, Deno.SeekMode.Start);
      let filled = 0;
      while (filled < bytes.length) {
        const count = await file.read(bytes.subarray(filled));
        if (count === null) break;
        filled += count;
      }
      return bytes.subarray(0, filled);
    },
  };
}

/**
 * Reads the headers of a 64-bit little-endian program or shared library.
 *
 * @throws {ElfError} when it is none, or too short for what its headers say
 */
export async function readElf(source: ElfSource): Promise<Elf> {
  const header = new Reader(await readExactly(source, 0, HEADER_BYTES));
  const magic = header.u32();
  if (magic !== 0x464c457f) throw new ElfError("Cannot read an ELF file as it does not start as one");
  const [size, order] = [header.u8(), header.u8()];
  if (size !== 2 || order !== 1) {
    throw new ElfError(
      `Cannot read an ELF file that is not 64-bit little-endian: class ${size}, data ${order}`,
    );
  }
  header.position = 16;
  const type = header.u16();
  if (type !== ET_EXEC && type !== ET_DYN) {
    throw new ElfError(`Cannot read an ELF file that is neither program nor shared library: e_type ${type}`);
  }
  const machine = header.u16();
  header.skip(12);
  const [segmentsAt, sectionsAt] = [header.u64(), header.u64()];
  header.skip(6);
  const [segmentBytes, segmentCount] = [header.u16(), header.u16()];
  const [sectionBytes, sectionCount, nameIndex] = [header.u16(), header.u16(), header.u16()];
  if (segmentCount > 0 && segmentBytes !== SEGMENT_BYTES) {
    throw new ElfError(`Cannot read program headers of ${segmentBytes} bytes`);
  }
  const segments = parseSegments(
    await readExactly(source, segmentsAt, segmentCount * SEGMENT_BYTES),
    source.size,
  );
  const sections = sectionBytes === SECTION_BYTES
    ? await readSections(source, sectionsAt, sectionCount, nameIndex)
    : [];
  return { source, machine, segments, sections };
}

function parseSegments(bytes: Uint8Array, fileSize: number): Segment[] {
  const reader = new Reader(bytes);
  return Array.from({ length: bytes.length / SEGMENT_BYTES }, () => {
    const [type, flags, offset, address] = [reader.u32(), reader.u32(), reader.u64(), reader.u64()];
    reader.skip(8);
    const size = Math.max(0, Math.min(reader.u64(), fileSize - offset));
    reader.skip(16);
    return { type, flags, offset, address, size };
  });
}

/** The section headers, none where they are missing: a program runs without them. */
async function readSections(
  source: ElfSource,
  at: number,
  count: number,
  nameIndex: number,
): Promise<Section[]> {
  if (at === 0 || at + SECTION_BYTES > source.size) return [];
  // A count or index that does not fit in 16 bits stands in the first header (gABI, "e_shnum").
  const first = new Reader(await readExactly(source, at, SECTION_BYTES));
  first.position = 32;
  if (count === 0) count = Math.min(first.u64(), MAX_HEADERS);
  first.position = 40;
  if (nameIndex === 0xffff) nameIndex = first.u32();
  if (at + count * SECTION_BYTES > source.size) return [];
  const reader = new Reader(await readExactly(source, at, count * SECTION_BYTES));
  const headers = Array.from({ length: count }, () => {
    const [name, type, flags] = [reader.u32(), reader.u32(), reader.u64()];
    const [address, offset, size] = [reader.u64(), reader.u64(), reader.u64()];
    reader.skip(24);
    return { name, type, flags, address, offset, size };
  });
  const table = headers[nameIndex];
  if (!table) return [];
  const names = await source.read(table.offset, Math.min(table.size, MAX_SECTION_BYTES));
  return headers.map((header) => ({ ...header, name: nameAt(names, header.name) }));
}

function nameAt(names: Uint8Array, offset: number): string {
  try {
    return new Reader(names, Math.min(offset, names.length)).text();
  } catch (error) {
    if (error instanceof MalformedError) return "";
    throw error;
  }
}

/**
 * The contents of the section called `name`, unpacked; `undefined` where there is none or it holds nothing in
 * this file.
 *
 * @throws {ElfError} when the file ends before it, or it cannot be unpacked
 */
export async function readSection(
  elf: Elf,
  name: string,
): Promise<{ bytes: Uint8Array; address: number } | undefined> {
  const section = elf.sections.find((section) => section.name === name);
  if (!section || section.type === SHT_NOBITS || section.size === 0) return undefined;
  const bytes = await readExactly(elf.source, section.offset, section.size);
  const unpacked = section.flags & SHF_COMPRESSED ? await unpack(bytes, name) : bytes;
  return { bytes: unpacked, address: section.address };
}

async function unpack(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  if (bytes.length < 24) throw new ElfError(`Cannot unpack section ${name}: it has ${bytes.length} bytes`);
  const header = new Reader(bytes);
  const type = header.u32();
  header.skip(4);
  const size = header.u64();
  if (type !== ELFCOMPRESS_ZLIB || size > Math.min(MAX_SECTION_BYTES, bytes.length * MAX_RATIO)) {
    throw new ElfError(`Cannot unpack section ${name}: compression ${type}, ${size} bytes`);
  }
  const out = new Uint8Array(size);
  let filled = 0;
  try {
    const packed = new Blob([bytes.slice(24)]).stream();
    for await (const chunk of packed.pipeThrough(new DecompressionStream("deflate"))) {
      out.set(chunk, filled);
      filled += chunk.length;
    }
  } catch (error) {
    throw new ElfError(`Cannot unpack section ${name}: its data is damaged`, { cause: error });
  }
  return out.subarray(0, filled);
}

/** @throws {ElfError} when the image ends before `offset + length`, or that is more than any file needs */
export async function readExactly(source: ElfSource, offset: number, length: number): Promise<Uint8Array> {
  const within = length <= MAX_SECTION_BYTES && offset + length <= source.size;
  const bytes = within ? await source.read(offset, length) : undefined;
  if (bytes?.length === length) return bytes;
  throw new ElfError(
    `Cannot read ${length} bytes at ${offset} of an ELF file: it has ${source.size} bytes`,
  );
}
