// SPDX-License-Identifier: Apache-2.0
/**
 * Finds what unwinding reads in an ELF file: `.eh_frame` and `.debug_frame`, unpacked, the code that they are for, and
 * the table by which functions are found in `.eh_frame`.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { ElfError, type ElfInfo, readElf } from "../../symbols/elf/elf.ts";
import { readSections, type Section, SHF_COMPRESSED, SHT_NOBITS } from "../../symbols/elf/sections.ts";
import { BareCode } from "./bare_code.ts";
import { type CodeRange, contains, MAX_SECTION_BYTES, rangeOf, readExactly } from "./code_range.ts";
import { type FrameSection, MAX_ADDRESS, readEhFrameHeader } from "./eh_frame.ts";
import { GoLineTable } from "../go/line_table.ts";
import { GoRows } from "./go_rows.ts";
import { MalformedError, Reader } from "./reader.ts";
import { SearchTable } from "./search_table.ts";

/** `e_machine` of x86-64. */
export const EM_X86_64 = 62;
const EH_FRAME = ".eh_frame";
export const DEBUG_FRAME = ".debug_frame";
const ELFCOMPRESS_ZLIB = 1;
/** The most code that there can be in one file, as a call reaches that far; more is in files that are mostly holes. */
const MAX_CODE_BYTES = 2 ** 31;
/** Deflate makes nothing smaller than a 1,032nd. */
const MAX_RATIO = 1032;

export interface FrameFile {
  readonly code: readonly CodeRange[];
  /** `undefined` where there is none, or where it cannot lead to all functions. */
  readonly search: SearchTable | undefined;
  readonly elf: ElfInfo;
  /** Is true when the file itself has what a separate debug file could have, as far as that tells anything new. */
  readonly hasDebug: boolean;
  /** Is true when there is anything to be read by {@linkcode sections}. */
  readonly hasFrames: boolean;
  /** Go's own code, which has rows by its own table; `undefined` where there is none. */
  readonly go: GoRows | undefined;
  /** All other code. */
  readonly bare: BareCode;
  /**
   * Reads all sections.
   *
   * @throws {ElfError} when the file ends too early
   */
  sections(): Promise<FrameSection[]>;
}

/** @throws {ElfError} when it is no program or library for this machine, or it ends too early */
export function openFrameFile(source: ByteSource): FrameFile {
  const elf = readElf(source);
  if (elf.machine !== EM_X86_64 || elf.bits !== 64) {
    const { machine, bits } = elf;
    throw new ElfError(
      `Cannot unwind programs of another machine than x86-64: e_machine ${machine}, ${bits}-bit`,
    );
  }
  if (!elf.loadable) {
    throw new ElfError("Cannot unwind an ELF file that is neither program nor shared library");
  }
  const lines = GoLineTable.read(source, elf);
  const go = lines && new GoRows(lines, source);
  // Go's linker writes .debug_frame for what the line table has, too.
  const headers = readSections(source).filter(({ name }) => go === undefined || name !== DEBUG_FRAME);
  // What only .debug_frame has is in no search table.
  const hasDebug = headers.some(({ name, size }) => name === DEBUG_FRAME && size > 0);
  return {
    elf,
    hasDebug: hasDebug || go !== undefined,
    code: codeRanges(source, elf),
    search: hasDebug ? undefined : SearchTable.open(source, elf),
    hasFrames: hasDebug || elf.ehFrameHeader !== undefined || headers.some(({ name }) => name === EH_FRAME),
    go,
    bare: new BareCode(source, elf),
    sections: () => frameSections(source, { elf, headers }),
  };
}

async function frameSections(
  source: ByteSource,
  { elf, headers }: { elf: ElfInfo; headers: readonly Section[] },
): Promise<FrameSection[]> {
  const sections: FrameSection[] = [];
  const eh = headers.some(({ name }) => name === EH_FRAME)
    ? await unpacked(source, headers, EH_FRAME)
    : ehFrameByHeader(source, elf);
  if (eh) sections.push({ ...eh, eh: true });
  const debug = await unpacked(source, headers, DEBUG_FRAME);
  if (debug) sections.push({ ...debug, eh: false });
  return sections;
}

/** Returns the executable segments; together they bound the pages of a table, so they may not exceed the file. */
function codeRanges(source: ByteSource, { segments }: ElfInfo): CodeRange[] {
  const code = segments.filter(({ executable }) => executable).map((segment) => rangeOf(source, segment));
  const beyond = code.find(({ address, size }) => address + size > MAX_ADDRESS);
  if (beyond) throw new ElfError(`Cannot use code at address ${beyond.address}`);
  const bytes = code.reduce((sum, { size }) => sum + size, 0);
  if (bytes > Math.min(source.size, MAX_CODE_BYTES)) {
    throw new ElfError(
      `Cannot use program headers of so much code: ${bytes} bytes, file of ${source.size} bytes`,
    );
  }
  return code;
}

/**
 * Returns `.eh_frame` of a file whose section headers were stripped, from what its exception handling itself goes by.
 */
function ehFrameByHeader(source: ByteSource, { ehFrameHeader, segments }: ElfInfo): FrameSection | undefined {
  if (!ehFrameHeader) return undefined;
  const { size } = rangeOf(source, ehFrameHeader);
  const bytes = readExactly(source, ehFrameHeader.offset, Math.min(size, 64));
  try {
    const { frames, count } = readEhFrameHeader(bytes, ehFrameHeader.address);
    const segment = segments.find((segment) => contains(rangeOf(source, segment), frames));
    if (!segment) throw new MalformedError(`Cannot find .eh_frame in any segment: address ${frames}`);
    const skip = frames - segment.address;
    const rest = readExactly(source, segment.offset + skip, rangeOf(source, segment).size - skip);
    return { bytes: rest, address: frames, eh: true, limit: count ?? "terminated" };
  } catch (error) {
    if (error instanceof MalformedError) throw new ElfError("Cannot read .eh_frame_hdr", { cause: error });
    throw error;
  }
}

/**
 * Returns the contents of the section called `name`; `undefined` where there is none or it holds nothing in this file.
 *
 * @throws {ElfError} when the file ends before it, or it cannot be unpacked
 */
export async function unpacked(source: ByteSource, sections: readonly Section[], name: string) {
  const section = sections.find((section) => section.name === name);
  if (!section || section.type === SHT_NOBITS || section.size === 0) return undefined;
  const bytes = readExactly(source, section.offset, section.size);
  const whole = section.flags & SHF_COMPRESSED ? await unpack(bytes, name) : bytes;
  return { bytes: whole, address: section.address };
}

async function unpack(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<Uint8Array> {
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
    const packed = new Blob([bytes.subarray(24)]).stream();
    for await (const chunk of packed.pipeThrough(new DecompressionStream("deflate"))) {
      out.set(chunk, filled);
      filled += chunk.length;
    }
  } catch (error) {
    throw new ElfError(`Cannot unpack section ${name}: its data is damaged`, { cause: error });
  }
  return out.subarray(0, filled);
}
