// SPDX-License-Identifier: Apache-2.0
/**
 * Reads of an ELF file what its mappings and its identity need: program headers and build id.
 * The layout is that of elf(5); symbols are read elsewhere.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import type { ByteSource } from "./byte_source.ts";
import { readSectionHeaders, SHT_NOBITS, viewOf } from "./sections.ts";

const ET_EXEC = 2;
const ET_DYN = 3;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PT_GNU_EH_FRAME = 0x6474e550;
const PF_X = 1;
const SHT_NOTE = 7;
const NT_GNU_BUILD_ID = 3;
const PAGE = 4096;
/** No table is read that is larger, and no more than this of all notes; the largest real ones are far smaller. */
const MAX_TABLE_BYTES = 4 << 20;

/** The file is not a whole ELF file of this machine's byte order. */
export class ElfError extends Error {
  override readonly name = "ElfError";
}

/** A program header. */
export interface Segment {
  readonly offset: number;
  readonly fileSize: number;
  readonly address: number;
  readonly memorySize: number;
  readonly executable: boolean;
}

export interface ElfInfo {
  readonly bits: 32 | 64;
  /** e_machine: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  /** It is a program or a shared library. */
  readonly loadable: boolean;
  /** PT_LOAD, in file order. */
  readonly segments: readonly Segment[];
  /** PT_GNU_EH_FRAME: `.eh_frame_hdr`, also where there are no section headers. */
  readonly ehFrameHeader: Segment | undefined;
  /** It is lower-case hex, "" when the file has none. */
  readonly buildId: string;
  /** Some section lies beyond the end of the file, which is therefore not worth to be given to a library. */
  readonly truncated: boolean;
}

/**
 * Reads headers, segments and build id.
 *
 * @throws {ElfError} when the file is not ELF, or its program headers are not whole
 */
export function readElf(source: ByteSource): ElfInfo {
  const header = readHeader(source);
  const programs = readPrograms(source, header);
  const sections = readSectionHeaders(source);
  const truncated = sections === undefined ||
    sections.some((s) => s.type !== SHT_NOBITS && s.offset + s.size > source.size);
  const notes = [...(sections ?? []).filter((s) => s.type === SHT_NOTE), ...programs.notes];
  return {
    bits: header.bits,
    machine: header.machine,
    loadable: header.type === ET_EXEC || header.type === ET_DYN,
    segments: programs.segments,
    ehFrameHeader: programs.ehFrameHeader,
    buildId: findBuildId(source, notes),
    truncated,
  };
}

/**
 * Returns the address, as the file's own symbol table counts, of the byte at `offset` of the file. The kernel maps
 * whole pages, so that a segment reaches to the ends of its pages; an executable segment that holds the
 * offset itself goes before one that only shares its page.
 *
 * @returns `undefined` when no segment has it
 */
export function addressOf(segments: readonly Segment[], offset: number): number | undefined {
  let best: Segment | undefined;
  let bestScore = 0;
  for (const segment of segments) {
    const first = segment.offset - segment.offset % PAGE;
    const last = Math.ceil((segment.offset + segment.fileSize) / PAGE) * PAGE;
    if (offset < first || offset >= last) continue;
    const inside = offset >= segment.offset && offset < segment.offset + segment.fileSize;
    const score = 1 + (inside ? 1 : 0) + (segment.executable ? 2 : 0);
    if (score > bestScore) [best, bestScore] = [segment, score];
  }
  return best && offset - best.offset + best.address;
}

/** Returns the GNU build id in the notes `bytes` (as in `/sys/kernel/notes`), "" when there is none. */
export function buildIdOfNotes(bytes: Uint8Array<ArrayBuffer>): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 12 <= bytes.length;) {
    const nameSize = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    const type = view.getUint32(at + 8, true);
    const data = at + 12 + align4(nameSize);
    const end = data + align4(size);
    if (data + size > bytes.length) return "";
    const gnu = nameSize === 4 && view.getUint32(at + 12) === 0x474e5500;
    if (gnu && type === NT_GNU_BUILD_ID && size > 0) return bytes.subarray(data, data + size).toHex();
    at = end;
  }
  return "";
}

interface Table {
  readonly offset: number;
  readonly entry: number;
  readonly count: number;
}

interface Header {
  readonly bits: 32 | 64;
  readonly type: number;
  readonly machine: number;
  readonly programs: Table;
}

interface Extent {
  readonly offset: number;
  readonly size: number;
}

function readHeader(source: ByteSource): Header {
  const bytes = source.read(0, 64);
  if (bytes.length < 52 || viewOf(bytes).getUint32(0) !== 0x7f454c46) {
    throw new ElfError(`Cannot read the ELF header: ${source.size} bytes without its magic number`);
  }
  const bits = bytes[4] === 2 ? 64 : bytes[4] === 1 ? 32 : undefined;
  if (bits === undefined || bytes[5] !== 1 || (bits === 64 && bytes.length < 64)) {
    throw new ElfError(`Cannot read the ELF header: class ${bytes[4]}, byte order ${bytes[5]}`);
  }
  const view = viewOf(bytes);
  const at = bits === 64 ? 54 : 42;
  return {
    bits,
    type: view.getUint16(16, true),
    machine: view.getUint16(18, true),
    programs: {
      offset: bits === 64 ? u64(view, 32) : view.getUint32(28, true),
      entry: view.getUint16(at, true),
      count: view.getUint16(at + 2, true),
    },
  };
}

function readPrograms(source: ByteSource, { bits, programs }: Header) {
  const view = readTable(source, programs, bits === 64 ? 56 : 32);
  if (view === undefined) {
    throw new ElfError(`Cannot read the program headers: the file ends before them, at ${source.size}`);
  }
  const segments: Segment[] = [];
  const notes: Extent[] = [];
  let ehFrameHeader: Segment | undefined;
  for (let i = 0; i < programs.count; i++) {
    const at = i * programs.entry;
    const word = (wide: number, narrow: number) =>
      bits === 64 ? u64(view, at + wide) : view.getUint32(at + narrow, true);
    const type = view.getUint32(at, true);
    const flags = view.getUint32(at + (bits === 64 ? 4 : 24), true);
    const offset = word(8, 4);
    const fileSize = word(32, 16);
    if (type === PT_NOTE) notes.push({ offset, size: fileSize });
    const executable = (flags & PF_X) !== 0;
    const segment = { offset, fileSize, address: word(16, 8), memorySize: word(40, 20), executable };
    if (type === PT_LOAD) segments.push(segment);
    if (type === PT_GNU_EH_FRAME) ehFrameHeader ??= segment;
  }
  return { segments, notes, ehFrameHeader };
}

function readTable(source: ByteSource, { offset, entry, count }: Table, least: number): DataView | undefined {
  if (count === 0) return new DataView(new ArrayBuffer(0));
  const length = entry * count;
  if (entry < least || length > MAX_TABLE_BYTES || offset + length > source.size) return undefined;
  const bytes = source.read(offset, length);
  return bytes.length < length ? undefined : viewOf(bytes);
}

/**
 * Returns the first that there is in `notes`; of a file that has thousands of these only the first ones are looked at.
 */
function findBuildId(source: ByteSource, notes: readonly Extent[]): string {
  let left = MAX_TABLE_BYTES;
  for (const { offset, size } of notes) {
    if (size > left || offset + size > source.size) continue;
    left -= Math.max(size, PAGE);
    const id = buildIdOfNotes(source.read(offset, size));
    if (id !== "") return id;
  }
  return "";
}

function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}
