// SPDX-License-Identifier: Apache-2.0
/**
 * Rows of code that a file has no unwind information of, by what the code itself does to the stack.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import type { ElfInfo } from "../../symbols/elf/elf.ts";
import { readSections, sectionBytes, viewOf } from "../../symbols/elf/sections.ts";
import { lowerBound } from "../../symbols/ranges.ts";
import { FRAME_POINTER, STACK_POINTER } from "./amd64.ts";
import { type CodeRange, rangeOf } from "./code_range.ts";
import {
  CFA_DEREF,
  CFA_REGISTER,
  RULE_DERIVED,
  RULE_NONE,
  type RuleSet,
  SAVED_AT_CFA,
  SAVED_SAME,
} from "./rules.ts";
import { StackDepths } from "./stack_depths.ts";
import type { StackState } from "./stack_state.ts";
import type { TableBuilder } from "./table.ts";

/** What is smaller lies between two functions and is not run, in bytes. */
export const LEAST_BARE_BYTES = 16;
/** So much code is looked at for one table; all of musl's is a tenth of that. */
const MAX_BYTES = 8 << 20;
/** What is beside the pages that are wanted is looked at so far, as it may tell where functions begin. */
const MORE_BYTES = 65_536;
const MAX_SYMBOLS_BYTES = 32 << 20;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const SYMBOL_BYTES = 24;
const SYMBOLS_A_STEP = 4096;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const RETURN_ADDRESS_OFFSET = -8;
/** A rule has 16 bits, with a sign, for what is added. */
const MAX_ADD = 0x8000;
/** DWARF's numbers of the registers that instructions call 0 to 7. */
const DWARF_REGISTERS = [0, 2, 1, 3, STACK_POINTER, FRAME_POINTER, 4, 5];

/** Sets the rows of one file's code that has nothing else. */
export class BareCode {
  readonly #source: ByteSource;
  readonly #pieces: readonly { readonly range: CodeRange; readonly offset: number }[];
  #left = MAX_BYTES;
  #begins: Float64Array | undefined;

  constructor(source: ByteSource, { segments }: Pick<ElfInfo, "segments">) {
    this.#source = source;
    this.#pieces = segments.filter(({ executable }) => executable)
      .map((segment) => ({ range: rangeOf(source, segment), offset: segment.offset }))
      .sort((a, b) => a.range.address - b.range.address);
  }

  /** Lets the next table have as much code looked at as the first had. */
  renew(): void {
    this.#left = MAX_BYTES;
  }

  /**
   * Sets the rows of the code from `from` up to `to`, of which nothing is known, as far as they are wanted, from `wanted`
   * up to `limit`; yields between steps of bounded work. Where it sets none, RULE_NONE holds.
   *
   * @returns how many bytes of code were too much to be looked at
   */
  *set(
    table: TableBuilder,
    { rules, from, to, wanted, limit }: {
      rules: RuleSet;
      from: number;
      to: number;
      wanted: number;
      limit: number;
    },
  ): Generator<void, number> {
    let skipped = 0;
    let end = from;
    for (const { range, offset } of this.#pieces) {
      const begin = Math.max(end, range.address, wanted - MORE_BYTES);
      const size = Math.min(to, range.address + range.size, limit + MORE_BYTES) - begin;
      if (size < LEAST_BARE_BYTES || begin >= limit || begin + size <= wanted) continue;
      if (size > this.#left) {
        skipped += size;
        continue;
      }
      const code = this.#source.read(offset + begin - range.address, size);
      if (isFilling(code)) continue;
      if (end < begin) table.set(end, RULE_NONE);
      this.#left -= code.length;
      // In the middle of code that is longer nothing begins.
      const whole = begin === from || begin === range.address;
      yield* this.#setPiece(table, { rules, code, address: begin, whole, limit });
      end = begin + size;
    }
    if (end < Math.min(to, limit)) table.set(end, RULE_NONE);
    return skipped;
  }

  *#setPiece(
    table: TableBuilder,
    { rules, code, address, whole, limit }: {
      rules: RuleSet;
      code: Uint8Array;
      address: number;
      whole: boolean;
      limit: number;
    },
  ): Generator<void, void> {
    const functions = yield* this.functionsIn(address, address + code.length);
    const begins = functions.map((at) => at - address);
    const skip = whole ? 0 : begins[0] ?? code.length;
    const depths = new StackDepths(code.subarray(skip));
    yield* depths.follow(begins.map((at) => at - skip));
    if (skip > 0) table.set(address, RULE_NONE);
    yield* depths.tell((at, state) => {
      if (address + skip + at >= limit) return;
      table.set(address + skip + at, state === undefined ? RULE_NONE : ruleOf(rules, state));
    });
  }

  /** Returns where functions begin by the file's symbols, ascending; yields between steps of bounded work. */
  *functionsIn(from: number, to: number): Generator<void, number[]> {
    const all = this.#begins ??= yield* readFunctions(this.#source);
    return Array.from(all.subarray(lowerBound(all, from), lowerBound(all, to)));
  }
}

function isFilling(code: Uint8Array): boolean {
  return code.every((byte) => byte === 0x90 || byte === 0xcc || byte === 0);
}

function* readFunctions(source: ByteSource): Generator<void, Float64Array> {
  const sections = readSections(source);
  const section = sections.find(({ type }) => type === SHT_SYMTAB) ??
    sections.find(({ type }) => type === SHT_DYNSYM);
  const fits = section && section.entry === SYMBOL_BYTES && section.size <= MAX_SYMBOLS_BYTES;
  const bytes = fits ? sectionBytes(source, section) : undefined;
  if (bytes === undefined) return new Float64Array(0);
  const view = viewOf(bytes);
  const begins: number[] = [];
  for (let at = 0; at + SYMBOL_BYTES <= bytes.length; at += SYMBOL_BYTES) {
    if (at % (SYMBOL_BYTES * SYMBOLS_A_STEP) === 0) yield;
    const type = bytes[at + 4]! & 15;
    if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || view.getUint16(at + 6, true) === 0) continue;
    begins.push(u64(view, at + 8));
  }
  return Float64Array.from(begins).sort();
}

/** Returns the rule of a state; see `rules.ts`. What it does not tell is as where nothing is known. */
function ruleOf(rules: RuleSet, { depth, frame, saved, copy, moved, stored }: StackState): number {
  const framePointer = saved ? SAVED_AT_CFA : SAVED_SAME;
  let [cfa, offset, add] = [0, 0, 0];
  if (frame) [cfa, offset] = [CFA_REGISTER | FRAME_POINTER << 4, frame];
  else if (depth !== undefined) [cfa, offset] = [CFA_REGISTER | STACK_POINTER << 4, depth];
  else if (stored) [cfa, offset, add] = [CFA_DEREF | STACK_POINTER << 4, moved - stored.at, stored.below];
  else if (copy) {
    [cfa, offset] = [CFA_REGISTER | (DWARF_REGISTERS[copy.register] ?? copy.register) << 4, copy.below];
  } else return RULE_NONE;
  if (add >= MAX_ADD) return RULE_NONE;
  const word = cfa | framePointer << 8 | SAVED_AT_CFA << 16 | RULE_DERIVED << 24;
  const rule = rules.intern(word, offset, saved ? -saved : 0, RETURN_ADDRESS_OFFSET & 0xffff | add << 16);
  return rule < 0 ? RULE_NONE : rule;
}
