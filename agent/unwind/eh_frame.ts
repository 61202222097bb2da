// SPDX-License-Identifier: Apache-2.0
/**
 * Reads call frame information: the entries of `.eh_frame` and `.debug_frame`.
 *
 * Formats: Linux Standard Base Core 5.0, "Exception Frames" (`.eh_frame`, `.eh_frame_hdr`); DWARF 5, 6.4
 * (`.debug_frame`).
 *
 * @module
 */

import { type Bases, PE_ABSOLUTE, PE_ALIGNED, PE_OMIT, readPointer, readValue } from "./pointer.ts";
import { MalformedError, Reader } from "./reader.ts";

/** A section of call frame information. */
export interface FrameSection {
  readonly bytes: Uint8Array;
  /** The address of `bytes[0]`, as the file's program headers count. */
  readonly address: number;
  /** `.eh_frame`'s form; else `.debug_frame`'s. */
  readonly eh: boolean;
  /**
   * The number of functions, where `bytes` goes on behind the section: "terminated" when only the zero
   * terminator tells where it ends. The section is all of `bytes` when this is left out.
   */
  readonly limit?: number | "terminated";
  /** The common entries by their address, where `bytes` is only a part of the section and may not have them. */
  readonly cies?: ReadonlyMap<number, Cie | MalformedError>;
}

/** A common information entry: what functions share. */
export interface Cie {
  readonly codeAlign: number;
  readonly dataAlign: number;
  /** The DWARF number of the return address' column. */
  readonly returnRegister: number;
  /** Addresses are encoded in this way (DW_EH_PE_*). */
  readonly encoding: number;
  /** Functions carry augmentation data. */
  readonly augmented: boolean;
  /** Functions are signal trampolines. */
  readonly signal: boolean;
  /** Its instructions are here in the section of `frames`. */
  readonly frames: FrameReader;
  readonly from: number;
  readonly to: number;
}

/** A frame description entry: one function's instructions. */
export interface Fde {
  readonly cie: Cie;
  /** The first address that it covers. */
  readonly start: number;
  /** The first address after those. */
  readonly end: number;
  /** Its instructions are here in the section. */
  readonly from: number;
  readonly to: number;
}

/** No program is beyond this, and a page's number below it has 32 bits. */
export const MAX_ADDRESS = 2 ** 48;

/** Takes a function, and its entry's offset in the section. */
export type OnFde = (offset: number, fde: Fde) => void;

/** {@linkcode FrameReader.scan} came this far. */
export interface Scan {
  /** It goes on from here; `undefined` when it is done. */
  readonly next: number | undefined;
  /** Entries that could not be read; what follows one whose length is wrong is not found. */
  readonly malformed: number;
}

/** An entry's frame: 32-bit and 64-bit lengths read alike. */
interface Entry {
  /** The offset of what follows the id. */
  readonly body: number;
  /** The offset of the next entry. */
  readonly end: number;
  /** The offset of the function's CIE, before `bytes` where that is only a part; `undefined` for a CIE. */
  readonly cie: number | undefined;
}

/** Finds and reads the entries of one section. */
export class FrameReader {
  readonly section: FrameSection;
  readonly #reader: Reader;
  readonly #bases: Bases;
  readonly #cies = new Map<number, Cie | MalformedError>();
  #found = 0;

  constructor(section: FrameSection) {
    this.section = section;
    this.#reader = new Reader(section.bytes);
    this.#bases = { section: section.address };
  }

  /**
   * Reports the functions among the next `entries` entries from offset `from` on. Zero terminators in between are
   * passed: a linker leaves those of its input files.
   */
  scan(from: number, entries: number, onFde: OnFde): Scan {
    const { bytes, limit } = this.section;
    const count = typeof limit === "number" ? limit : Infinity;
    let at = from;
    let malformed = 0;
    for (let i = 0; i < entries; i++) {
      if (at + 4 > bytes.length || this.#found >= count) return { next: undefined, malformed };
      const entry = this.#entryAt(at);
      if (entry === undefined) return { next: undefined, malformed: malformed + 1 };
      const offset = at;
      at = entry.end;
      if (entry.cie === undefined) {
        if (entry.end === offset + 4 && limit === "terminated") return { next: undefined, malformed };
        continue;
      }
      this.#found++;
      try {
        onFde(offset, this.#fdeOf(entry, entry.cie));
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        malformed++;
      }
    }
    return { next: at, malformed };
  }

  /**
   * Returns the function whose entry is at `offset`.
   *
   * @throws {MalformedError}
   */
  fde(offset: number): Fde {
    const entry = this.#entryAt(offset);
    if (entry?.cie === undefined) throw new MalformedError(`Cannot find a function's entry at ${offset}`);
    return this.#fdeOf(entry, entry.cie);
  }

  /**
   * Returns the common entry at `offset`.
   *
   * @throws {MalformedError}
   */
  cie(offset: number): Cie {
    const { cies, address } = this.section;
    let cie = cies ? cies.get(address + offset) : this.#cies.get(offset);
    if (cie === undefined) {
      try {
        cie = this.#parseCie(offset);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        cie = error;
      }
      this.#cies.set(offset, cie);
    }
    if (cie instanceof MalformedError) throw cie;
    return cie;
  }

  /**
   * Returns where the entry after that at `offset` is; `undefined` where that is not whole.
   *
   * @throws {MalformedError}
   */
  endOf(offset: number): number | undefined {
    return this.#entryAt(offset)?.end;
  }

  /** Returns the address of the common entry that the function whose entry is at `offset` refers to. */
  cieAddress(offset: number): number | undefined {
    const cie = this.#entryAt(offset)?.cie;
    return cie === undefined ? undefined : this.section.address + cie;
  }

  /** Returns a reader of instructions, for {@linkcode Cie} or {@linkcode Fde}. */
  instructions({ from, to }: Pick<Fde, "from" | "to">): Reader {
    return this.#reader.seek(from, to);
  }

  /** Returns the operand of DW_CFA_set_loc. */
  readAddress(reader: Reader, cie: Cie): number {
    return readPointer(reader, cie.encoding, this.#bases);
  }

  /** A zero terminator comes as an entry of a CIE; `undefined` is one that the section does not hold whole. */
  #entryAt(at: number): Entry | undefined {
    const { bytes, eh } = this.section;
    const reader = this.#reader.seek(at, bytes.length);
    let length = reader.u32();
    if (length === 0) return { body: at + 4, end: at + 4, cie: undefined };
    const wide = length === 0xffffffff;
    // LSB: the id of .eh_frame keeps its 4 bytes where the length has 8.
    const idBytes = wide && !eh ? 8 : 4;
    if (wide && bytes.length - reader.position < 8) return undefined;
    if (wide) length = reader.u64();
    const start = reader.position;
    if (length < idBytes || length > bytes.length - start) return undefined;
    const id = idBytes === 8 ? reader.u64() : reader.u32();
    const body = reader.position;
    const end = start + length;
    if (eh) return { body, end, cie: id === 0 ? undefined : start - id };
    return { body, end, cie: id >= 0xffffffff ? undefined : id };
  }

  #fdeOf({ body, end }: Entry, cieOffset: number): Fde {
    const cie = this.cie(cieOffset);
    const reader = this.#reader.seek(body, end);
    const start = readPointer(reader, cie.encoding, this.#bases);
    const length = readValue(reader, cie.encoding & 7);
    if (cie.augmented) reader.skip(reader.uleb());
    if (!(start >= 0 && start + length <= MAX_ADDRESS)) {
      throw new MalformedError(`Cannot cover the addresses from ${start} on: ${length} bytes`);
    }
    return { cie, start, end: start + length, from: reader.position, to: end };
  }

  #parseCie(at: number): Cie {
    const entry = this.#entryAt(at);
    if (!entry || entry.cie !== undefined) throw new MalformedError(`Cannot find a common entry at ${at}`);
    const reader = this.#reader.seek(entry.body, entry.end);
    const version = reader.u8();
    if (version !== 1 && version !== 3 && version !== 4) {
      throw new MalformedError(`Cannot read a common entry of this version: ${version}`);
    }
    const augmentation = reader.text();
    // The form of GCC 2: a pointer to its own exception table.
    if (augmentation === "eh") reader.skip(8);
    if (version === 4) {
      const [addressBytes, segmentBytes] = [reader.u8(), reader.u8()];
      if (addressBytes !== 8 || segmentBytes !== 0) {
        throw new MalformedError(`Cannot read addresses of ${addressBytes} + ${segmentBytes} bytes`);
      }
    }
    const codeAlign = reader.uleb();
    const dataAlign = reader.sleb();
    const returnRegister = version === 1 ? reader.u8() : reader.uleb();
    const { augmented, encoding, signal } = this.#augmentation(reader, augmentation);
    const from = reader.position;
    const data = { codeAlign, dataAlign, returnRegister, augmented, encoding, signal };
    return { ...data, frames: this, from, to: entry.end };
  }

  /** Reads the data that `augmentation` announces, and moves behind it. */
  #augmentation(reader: Reader, augmentation: string): Pick<Cie, "augmented" | "encoding" | "signal"> {
    if (augmentation === "" || augmentation === "eh") {
      return { augmented: false, encoding: PE_ABSOLUTE, signal: false };
    }
    if (!augmentation.startsWith("z")) {
      throw new MalformedError(`Cannot read a common entry with this augmentation: "${augmentation}"`);
    }
    const length = reader.uleb();
    const end = reader.position + length;
    let encoding = PE_ABSOLUTE;
    let signal = false;
    for (const letter of augmentation.slice(1)) {
      if (letter === "R") encoding = reader.u8();
      else if (letter === "S") signal = true;
      else if (letter === "L") reader.skip(1);
      else if (letter === "P") this.#skipPersonality(reader);
      else throw new MalformedError(`Cannot read a common entry with this augmentation: "${augmentation}"`);
    }
    reader.seek(end, reader.end);
    return { augmented: true, encoding, signal };
  }

  #skipPersonality(reader: Reader): void {
    const encoding = reader.u8();
    if (encoding === PE_OMIT) return;
    // What it points to does not matter here, so neither does what it counts from.
    if (encoding === PE_ALIGNED) readPointer(reader, encoding, this.#bases);
    else readValue(reader, encoding & 15);
  }
}

/** The section `.eh_frame_hdr` tells this of `.eh_frame`. */
export interface EhFrameHeader {
  /** The address of `.eh_frame`, as the file's program headers count. */
  readonly frames: number;
  /** The number of functions, where it is known. */
  readonly count: number | undefined;
  /** The encoding of the search table's entries, and the bytes before them. */
  readonly tableEncoding: number;
  readonly tableOffset: number;
}

/**
 * Reads `.eh_frame_hdr`.
 *
 * @param address of `bytes[0]`
 * @throws {MalformedError}
 */
export function readEhFrameHeader(bytes: Uint8Array, address: number): EhFrameHeader {
  const reader = new Reader(bytes);
  const version = reader.u8();
  if (version !== 1) throw new MalformedError(`Cannot read an .eh_frame_hdr of this version: ${version}`);
  const [framesEncoding, countEncoding, tableEncoding] = [reader.u8(), reader.u8(), reader.u8()];
  const bases = { section: address, data: address };
  const frames = readPointer(reader, framesEncoding, bases);
  const count = countEncoding === PE_OMIT ? undefined : readPointer(reader, countEncoding, bases);
  return { frames, count, tableEncoding, tableOffset: reader.position };
}
