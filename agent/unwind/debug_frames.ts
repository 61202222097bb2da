// SPDX-License-Identifier: Apache-2.0
/**
 * The functions of `.debug_frame` of a separate debug file: where a program is linked without `.eh_frame`, as the C
 * library musl is, that is all that tells how its functions use the stack.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { ElfError, type ElfInfo, readElf } from "../../symbols/elf/elf.ts";
import { readSections } from "../../symbols/elf/sections.ts";
import { type CodeRange, contains } from "./code_range.ts";
import { type Fde, FrameReader } from "./eh_frame.ts";
import { FdeIndex } from "./fde_index.ts";
import { DEBUG_FRAME, unpacked } from "./frame_sections.ts";
import { lowerBound } from "../../symbols/ranges.ts";
import { Slices } from "../slices.ts";

/** What is kept of one file, unpacked, has at most so many bytes; musl has a fortieth of that. */
const MAX_BYTES = 8 << 20;
/** So many entries are read at once. */
const STEP = 64;

/** A function that is in no entry of `.eh_frame`. */
export interface DebugFunction {
  readonly reader: FrameReader;
  readonly fde: Fde;
  /** The next one begins here, or there is none. */
  readonly next: number;
}

/** Functions by where they begin. */
export class DebugFrames {
  readonly #index: FdeIndex;
  readonly #order: Uint32Array;
  readonly #starts: Float64Array;

  private constructor(index: FdeIndex) {
    this.#index = index;
    this.#order = index.sorted();
    this.#starts = Float64Array.from(this.#order, (row) => index.start(row));
  }

  /**
   * Reads them out of a debug file; `undefined` where it has none, it lies at other addresses than the `program`, or it
   * is damaged.
   */
  static async read(
    debug: ByteSource,
    { program, code }: { program: ElfInfo; code: readonly CodeRange[] },
  ): Promise<DebugFrames | undefined> {
    try {
      const section = readSections(debug).find(({ name }) => name === DEBUG_FRAME);
      if (!section || section.size > MAX_BYTES || !liesAs(readElf(debug), program)) return undefined;
      const found = await unpacked(debug, [section], DEBUG_FRAME);
      if (!found || found.bytes.length > MAX_BYTES) return undefined;
      return new DebugFrames(await readAll(new FrameReader({ ...found, eh: false }), code));
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      return undefined;
    }
  }

  /** Returns how many there are. */
  get size(): number {
    return this.#order.length;
  }

  /** Yields those that begin from `from` up to `to`, ascending. */
  *within(from: number, to: number): Generator<DebugFunction, void> {
    const starts = this.#starts;
    for (let i = lowerBound(starts, from); i < starts.length && starts[i]! < to; i++) {
      // Of those that begin at the same address the first holds.
      if (i > 0 && starts[i] === starts[i - 1]) continue;
      const row = this.#order[i]!;
      const reader = this.#index.reader(row);
      let next = i + 1;
      while (starts[next] === starts[i]) next++;
      yield { reader, fde: reader.fde(this.#index.offset(row)), next: starts[next] ?? Infinity };
    }
  }
}

/** Reads in slices, as a file may have a hundred thousand functions. */
async function readAll(reader: FrameReader, code: readonly CodeRange[]): Promise<FdeIndex> {
  const index = new FdeIndex();
  const slices = new Slices();
  for (let next: number | undefined = 0; next !== undefined;) {
    if (slices.due) await slices.rest();
    next = reader.scan(next, STEP, (offset, { start, end }) => {
      if (end > start && code.some((range) => contains(range, start))) index.add(reader, offset, start);
    }).next;
  }
  return index;
}

/** Tells whether both have their parts at the same addresses, as they have unless the program was moved afterwards. */
function liesAs({ segments: [debug] }: ElfInfo, { segments: [program] }: ElfInfo): boolean {
  return debug !== undefined && debug.address === program?.address;
}
