// SPDX-License-Identifier: Apache-2.0
/**
 * Where functions begin in code that no unwind table tells of, such as all of musl and much assembly: by symbols, by
 * calls, and by where the function before ends.
 *
 * @module
 */

import { atOnce } from "../../common/pieces.ts";
import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import type { ElfInfo } from "../../symbols/elf/elf.ts";
import { lowerBound } from "../../symbols/ranges.ts";
import { GoLineTable } from "../go/line_table.ts";
import { BareCode, LEAST_BARE_BYTES } from "./bare_code.ts";
import { type CodeRange, contains, rangeOf, readExactly } from "./code_range.ts";
import { EM_X86_64 } from "./frame_sections.ts";
import type { SearchTable } from "./search_table.ts";
import { calledFrom, StackDepths } from "./stack_depths.ts";

/** More code in one piece is not looked at: it would be some tenths of a second in which the agent does nothing else. */
const MAX_BYTES = 2 << 20;
/** A smaller piece is of the C compiler's own files, and is looked at alone. */
const LEAST_CALLED_BYTES = 1024;
/** What calls into a larger one is looked for so far before and after it. */
const BESIDE_BYTES = 1 << 20;
/** So many pieces are kept, one of them perhaps of some thousand functions. */
const MAX_PIECES = 64;

/** A piece of such code. */
export interface BarePiece extends CodeRange {
  /** Functions begin here, ascending; there are none where it was not looked at. */
  readonly starts: Float64Array;
}

/** Finds the pieces of one file, which is open as long as this is used. */
export class BareStarts {
  readonly #source: ByteSource;
  readonly #elf: ElfInfo;
  readonly #table: SearchTable | undefined;
  readonly #code: BareCode;
  readonly #pieces: BarePiece[] = [];
  #go: { readonly code: CodeRange | undefined } | undefined;

  /** @param table has the functions that unwind tables know; `undefined` where there is none */
  constructor(source: ByteSource, elf: ElfInfo, table: SearchTable | undefined) {
    this.#source = source;
    this.#elf = elf;
    this.#table = table;
    this.#code = new BareCode(source, elf);
  }

  /**
   * Returns where the first function behind `address` begins, in the piece that has `address`; Infinity where none does,
   * or it is in none.
   *
   * @throws {ElfError} when the file ends within its tables
   */
  startAfter(address: number): number {
    let piece = this.#pieces.find((piece) => contains(piece, address));
    if (piece === undefined) {
      piece = this.pieceAt(address);
      if (piece === undefined) return Infinity;
      if (this.#pieces.push(piece) > MAX_PIECES) this.#pieces.shift();
    }
    return piece.starts[lowerBound(piece.starts, address + 1)] ?? Infinity;
  }

  /**
   * Returns the piece that has `address`; `undefined` where a table knows of it, or it is no code.
   *
   * @throws {ElfError} when the file ends within its tables
   */
  pieceAt(address: number): BarePiece | undefined {
    const gap = this.#table ? this.#table.gapAt(address) : { address: 0, size: Infinity };
    const segment = this.#elf.segments.find((segment) =>
      segment.executable && contains(rangeOf(this.#source, segment), address)
    );
    if (gap === undefined || segment === undefined) return undefined;
    const code = rangeOf(this.#source, segment);
    const from = Math.max(gap.address, code.address);
    const piece = { address: from, size: Math.min(gap.address + gap.size, code.address + code.size) - from };
    const starts = this.#isRead(piece)
      ? this.#startsIn(piece, { code, offset: segment.offset })
      : new Float64Array();
    return { ...piece, starts };
  }

  /** Tells whether a piece is worth to be looked at. */
  #isRead(piece: CodeRange): boolean {
    if (this.#elf.machine !== EM_X86_64 || this.#elf.bits !== 64) return false;
    if (piece.size < LEAST_BARE_BYTES || piece.size > MAX_BYTES) return false;
    // Go's own table has all of its functions.
    const { code } = this.#go ??= { code: GoLineTable.read(this.#source, this.#elf)?.code };
    return code === undefined || code.address >= piece.address + piece.size ||
      code.address + code.size <= piece.address;
  }

  /** @param segment has the piece: its code, and where that is in the file */
  #startsIn(
    { address, size }: CodeRange,
    { code, offset }: { code: CodeRange; offset: number },
  ): Float64Array {
    const beside = size < LEAST_CALLED_BYTES ? 0 : BESIDE_BYTES;
    const first = Math.max(code.address, address - beside);
    const length = Math.min(code.address + code.size, address + size + beside) - first;
    const bytes = readExactly(this.#source, offset + first - code.address, length);
    const skip = address - first;
    const known = beside === 0 ? [] : atOnce(this.#code.functionsIn(address, address + size));
    const begins = known.map((at) => at - address);
    for (const part of beside === 0 ? [] : [bytes.subarray(0, skip), bytes.subarray(skip + size)]) {
      for (const targets of calledFrom(part)) {
        for (const target of targets) begins.push(target + part.byteOffset - bytes.byteOffset - skip);
      }
    }
    const depths = new StackDepths(bytes.subarray(skip, skip + size));
    atOnce(depths.follow(begins));
    return depths.begins().map((at) => at + address);
  }
}
