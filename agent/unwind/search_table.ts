// SPDX-License-Identifier: Apache-2.0
/**
 * The binary search table of `.eh_frame_hdr`, by which the functions of some addresses are found without reading the
 * entries of all others: the largest libraries have more than half a million.
 *
 * Format: Linux Standard Base Core 5.0, "Exception Frames".
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { ElfError, type ElfInfo } from "../../symbols/elf/elf.ts";
import { viewOf } from "../../symbols/elf/sections.ts";
import { type CodeRange, contains, rangeOf, readExactly } from "./code_range.ts";
import { type Cie, type EhFrameHeader, FrameReader, MAX_ADDRESS, readEhFrameHeader } from "./eh_frame.ts";
import { MalformedError, Reader } from "./reader.ts";
import { SortedEntries } from "./sorted_entries.ts";

/** DW_EH_PE_datarel | DW_EH_PE_sdata4: what all linkers write, as the C library searches no other. */
const SEARCHABLE = 0x3b;
/** Two offsets from the table's section: a function and its entry. */
const ENTRY_BYTES = 8;
/** Entries so near to each other are read at once, in bytes. */
const GAP_BYTES = 4096;
/** Entries that are read at once, and one entry, may have so many bytes; most have some tens. */
const MAX_READ_BYTES = 1 << 20;
const MAX_ENTRY_BYTES = 64 << 10;
/** One question may have so many entries; the largest library that we know has two thirds of that in all. */
const MAX_ENTRIES = 1 << 20;
/**
 * The entries of one question may have so many bytes; those of a thousand pages take no more in any library that we
 * know.
 */
const MAX_BYTES = 64 << 20;
/** So many common entries are kept from one question to the next; linkers leave some tens in a file. */
const MAX_CIES = 4096;
/** To read anything at all costs as much as so many bytes. */
const READ_BYTES = 1024;

/** {@linkcode SearchTable.find} finds this. */
export interface Found {
  /** The addresses of entries in `.eh_frame`, ascending. */
  readonly entries: Float64Array;
  /** There is no function before these. */
  readonly first: boolean;
}

/** The parts are here in the file. */
interface Layout {
  /** The offset of the table's first entry. */
  readonly tableOffset: number;
  /** The address that the table's offsets count from. */
  readonly base: number;
  readonly count: number;
  /** `.eh_frame`: its address, its offset, and how much can be read from there. */
  readonly frames: number;
  readonly framesOffset: number;
  readonly framesBytes: number;
}

/** Finds functions by their addresses. */
export class SearchTable {
  readonly #source: ByteSource;
  readonly #layout: Layout;
  readonly #entries: SortedEntries;
  readonly #cies = new Map<number, Cie | MalformedError>();
  /** So many bytes may still be read for this question. */
  #left = 0;

  private constructor(source: ByteSource, layout: Layout) {
    this.#source = source;
    this.#layout = layout;
    const { tableOffset: offset, count } = layout;
    this.#entries = new SortedEntries(source, { offset, count, entryBytes: ENTRY_BYTES });
  }

  /**
   * Returns `undefined` where there is none that can be searched.
   *
   * @throws {ElfError} when the file ends within the table's header
   */
  static open(source: ByteSource, elf: ElfInfo): SearchTable | undefined {
    const { ehFrameHeader: header } = elf;
    if (!header) return undefined;
    const range = rangeOf(source, header);
    const bytes = readExactly(source, header.offset, Math.min(range.size, 64));
    const parsed = valueOrError(() => readEhFrameHeader(bytes, header.address));
    if (parsed instanceof MalformedError) return undefined;
    const layout = layoutOf(source, elf, { ...range, offset: header.offset, ...parsed });
    return layout && new SearchTable(source, layout);
  }

  /** Returns the number of functions. */
  get count(): number {
    return this.#layout.count;
  }

  /**
   * Returns the functions that start below address `end`: those from `start` on, and before them the last `lead` ones,
   * for one of those may reach over `start`.
   *
   * @throws {ElfError} when the file ends within the table, or these are more than any file has
   */
  find(start: number, end: number, lead: number): Found {
    const from = Math.max(0, this.#lowerBound(start) - lead);
    const to = this.#lowerBound(end);
    const { tableOffset, base } = this.#layout;
    if (to - from > MAX_ENTRIES) {
      throw new ElfError(`Cannot use a search table that has ${to - from} functions from ${start} to ${end}`);
    }
    const length = Math.max(0, to - from) * ENTRY_BYTES;
    const reader = new Reader(readExactly(this.#source, tableOffset + from * ENTRY_BYTES, length));
    const entries = new Float64Array(length / ENTRY_BYTES);
    for (let i = 0; i < entries.length; i++) {
      reader.skip(4);
      entries[i] = base + reader.i32();
    }
    return { entries: entries.sort(), first: from === 0 };
  }

  /**
   * Readers of these entries, each with the offsets that it has, in the order of `.eh_frame`. Entries that are not
   * in that are left out, as are those that begin within another one, and those beyond what an undamaged file has.
   *
   * @throws {ElfError} when the file ends within them
   */
  *read({ entries }: Found): Generator<{ reader: FrameReader; offsets: number[] }> {
    this.#left = MAX_BYTES;
    if (this.#cies.size > MAX_CIES) this.#cies.clear();
    for (let i = 0; i < entries.length && this.#left > 0;) {
      const first = entries[i]!;
      const offsets: number[] = [];
      let last = first;
      for (; i < entries.length; i++) {
        const entry = entries[i]!;
        if (entry - last > GAP_BYTES || entry - first > MAX_READ_BYTES) break;
        last = entry;
        offsets.push(entry - first);
      }
      const bytes = this.#read(first, last);
      if (bytes === undefined) continue;
      const reader = new FrameReader({ bytes, address: first, eh: true, cies: this.#cies });
      const apart = withoutOverlaps(reader, offsets);
      for (const offset of apart) this.#loadCie(reader, offset);
      yield { reader, offsets: apart };
    }
  }

  /**
   * Returns where the first function behind `address` starts; Infinity where none does.
   *
   * @throws {ElfError} when the file ends within the table
   */
  startAfter(address: number): number {
    const index = this.#lowerBound(address + 1);
    const { tableOffset, base, count } = this.#layout;
    if (index >= count) return Infinity;
    return base + new Reader(readExactly(this.#source, tableOffset + index * ENTRY_BYTES, 4)).i32();
  }

  /**
   * Returns where all functions start, ascending, and where each ends, which is where it starts if its entry makes no
   * sense; none where there are more than any file has.
   *
   * @throws {ElfError} when the file ends within the tables
   */
  ranges(): { readonly starts: Float64Array; readonly ends: Float64Array } {
    const { tableOffset, base, count, frames, framesOffset, framesBytes } = this.#layout;
    if (count > MAX_ENTRIES) return NO_RANGES;
    const table = viewOf(readExactly(this.#source, tableOffset, count * ENTRY_BYTES));
    const entryAt = (i: number) => base + table.getInt32(i * ENTRY_BYTES + 4, true) - frames;
    let last = 0;
    for (let i = 0; i < count; i++) last = Math.max(last, entryAt(i));
    const size = Math.min(framesBytes, last + MAX_ENTRY_BYTES);
    if (size > MAX_BYTES) return NO_RANGES;
    const bytes = readExactly(this.#source, framesOffset, size);
    const sizes = new FunctionSizes(bytes, frames);
    const [starts, ends] = [new Float64Array(count), new Float64Array(count)];
    for (let i = 0; i < count; i++) {
      starts[i] = base + table.getInt32(i * ENTRY_BYTES, true);
      if (i > 0 && starts[i]! < starts[i - 1]!) return NO_RANGES;
      ends[i] = starts[i]! + sizes.of(entryAt(i));
    }
    return { starts, ends };
  }

  /**
   * Returns the range of code, a function or a part of one, that has `address`; `undefined` where none has.
   *
   * @throws {ElfError} when the file ends within the table or the entry
   */
  rangeAt(address: number): CodeRange | undefined {
    const nearest = this.#nearest(address);
    return nearest && contains(nearest, address) ? nearest : undefined;
  }

  /**
   * Returns what is between two functions, around `address`; `undefined` where a function has that.
   *
   * @throws {ElfError} when the file ends within the table or the entry
   */
  gapAt(address: number): CodeRange | undefined {
    const nearest = this.#nearest(address);
    if (nearest && contains(nearest, address)) return undefined;
    const begin = nearest ? nearest.address + nearest.size : 0;
    return { address: begin, size: this.startAfter(address) - begin };
  }

  /** Returns the range that has `address`, else the last one before it. */
  #nearest(address: number): CodeRange | undefined {
    let nearest: CodeRange | undefined;
    for (const { reader, offsets } of this.read(this.find(address, address + 1, 1))) {
      for (const offset of offsets) {
        const range = valueOrError(() => reader.fde(offset));
        if (range instanceof MalformedError) continue;
        const found = { address: range.start, size: range.end - range.start };
        if (contains(found, address)) return found;
        if (found.address <= address && found.address >= (nearest?.address ?? 0)) nearest = found;
      }
    }
    return nearest;
  }

  /** Returns how many functions start below `address`. */
  #lowerBound(address: number): number {
    return this.#entries.countBelow(address - this.#layout.base);
  }

  /** Reads `.eh_frame` from the entry at address `first` to the end of that at `last`; `undefined` for none in it. */
  #read(first: number, last: number): Uint8Array | undefined {
    const { frames, framesOffset, framesBytes } = this.#layout;
    const [from, to] = [first - frames, last - frames];
    if (from < 0 || to + 4 > framesBytes || this.#left <= 0) return undefined;
    const head = new Reader(readExactly(this.#source, framesOffset + to, 4));
    const end = to + 4 + head.u32();
    // An entry that this does not hold is the reader's to refuse.
    const length = Math.min(end, framesBytes, to + MAX_ENTRY_BYTES) - from;
    this.#left -= READ_BYTES + length;
    return readExactly(this.#source, framesOffset + from, length);
  }

  /** Reads the common entry of the function whose entry `reader` has at `offset`, unless it is known. */
  #loadCie(reader: FrameReader, offset: number): void {
    const address = valueOrError(() => reader.cieAddress(offset));
    if (typeof address !== "number" || this.#cies.has(address)) return;
    const bytes = this.#read(address, address);
    const cie = bytes && valueOrError(() => new FrameReader({ bytes, address, eh: true }).cie(0));
    this.#cies.set(address, cie ?? new MalformedError(`Cannot find a common entry at address ${address}`));
  }
}

const NO_RANGES = { starts: new Float64Array(), ends: new Float64Array() };
/** Masks how an address is encoded, without what it counts from (DW_EH_PE_*). */
const FORM = 0x0f;
/** Forms of four bytes, and of eight: of any, without a sign, with one. */
const FOUR = [0x03, 0x0b];
const EIGHT = [0x00, 0x04, 0x0c];

/** Reads the sizes of functions out of their entries, and nothing else: of half a million there is no time for more. */
class FunctionSizes {
  readonly #view: DataView;
  readonly #reader: FrameReader;
  /** The encodings of addresses, by where the common entry is. */
  readonly #encodings = new Map<number, number | undefined>();

  constructor(bytes: Uint8Array<ArrayBuffer>, address: number) {
    this.#view = viewOf(bytes);
    this.#reader = new FrameReader({ bytes, address, eh: true });
  }

  /** Returns the size of the function whose entry is at `at`; 0 where that makes no sense. */
  of(at: number): number {
    const view = this.#view;
    // Length, the distance to the common entry, and two words: the begin and the size.
    if (at < 0 || at + 24 > view.byteLength || view.getUint32(at, true) < 12) return 0;
    const common = at + 4 - view.getUint32(at + 4, true);
    let encoding = this.#encodings.get(common);
    if (!this.#encodings.has(common)) {
      const cie = valueOrError(() => this.#reader.cie(common));
      encoding = cie instanceof MalformedError ? undefined : cie.encoding & FORM;
      this.#encodings.set(common, encoding);
    }
    if (encoding === undefined) return 0;
    if (FOUR.includes(encoding)) return view.getUint32(at + 12, true);
    return EIGHT.includes(encoding) ? Math.min(MAX_ADDRESS, u64(view, at + 16)) : 0;
  }
}

/**
 * Returns those of `offsets`, which ascend, that are in no entry before them: else a file can make of its bytes any
 * number.
 */
function withoutOverlaps(reader: FrameReader, offsets: readonly number[]): number[] {
  let end = 0;
  return offsets.filter((offset) => {
    if (offset < end) return false;
    const next = valueOrError(() => reader.endOf(offset));
    if (typeof next === "number") end = next;
    return true;
  });
}

function valueOrError<T>(read: () => T): T | MalformedError {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedError) return error;
    throw error;
  }
}

function layoutOf(
  source: ByteSource,
  { segments }: Pick<ElfInfo, "segments">,
  header: EhFrameHeader & CodeRange & { readonly offset: number },
): Layout | undefined {
  const { frames, count = 0, tableEncoding, tableOffset } = header;
  const segment = segments.find((segment) => contains(rangeOf(source, segment), frames));
  // Where its encoding has a sign, a damaged one is negative.
  if (tableEncoding !== SEARCHABLE || count < 1 || !segment) return undefined;
  if (tableOffset + count * ENTRY_BYTES > header.size) return undefined;
  const skip = frames - segment.address;
  return {
    tableOffset: header.offset + tableOffset,
    base: header.address,
    count,
    frames,
    framesOffset: segment.offset + skip,
    framesBytes: rangeOf(source, segment).size - skip,
  };
}
