// SPDX-License-Identifier: Apache-2.0
/**
 * Rows of Go's code, by the line table that its runtime unwinds by: it is exact at every instruction, also where a
 * program was stripped of all else.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import type { GoFunction, GoLineTable } from "../go/line_table.ts";
import { findStackSwitch, savesCallers, type StackSwitch } from "../go/stack_switch.ts";
import { STACK_POINTER } from "./amd64.ts";
import {
  CFA_GO_STACK,
  CFA_REGISTER,
  RULE_UNKNOWN,
  type RuleSet,
  SAVED_AT_CFA,
  SAVED_SAME,
  SAVED_UNDEFINED,
} from "./rules.ts";
import type { TableBuilder } from "./table.ts";

const WORD = 8;
/** A rule has four bits for the depth of a function that changes stacks, in words. */
const MAX_SWITCH_WORDS = 15;

/** Sets the rows of Go's code in tables of one file. */
export class GoRows {
  readonly #source: ByteSource;
  readonly #table: GoLineTable;
  readonly #switch: StackSwitch | undefined;
  /** The code that the rows are of, as the program headers count. */
  readonly code: { readonly address: number; readonly size: number };

  constructor(table: GoLineTable, source: ByteSource) {
    this.#table = table;
    this.#source = source;
    this.#switch = findStackSwitch(table, source);
    this.code = table.code;
  }

  /** Returns how many functions there are. */
  get size(): number {
    return this.#table.size;
  }

  /** Sets the rows of the functions that have code from `from` on and before `to`; yields after each. */
  *set(
    table: TableBuilder,
    { rules, from, to }: { rules: RuleSet; from: number; to: number },
  ): Generator<void, number> {
    let count = 0;
    for (const fn of this.#table.functions(this.#source, from, to)) {
      this.#setFunction(table, { rules, fn, to });
      count++;
      yield;
    }
    return count;
  }

  #setFunction(table: TableBuilder, { rules, fn, to }: { rules: RuleSet; fn: GoFunction; to: number }): void {
    const { depths, address, end } = fn;
    // What comes after the last instruction that the table tells of, or a function without any, is not known.
    if (depths[0]?.address !== address) table.set(address, RULE_UNKNOWN);
    for (const { address, bytes } of depths) {
      if (address >= Math.min(end, to)) return;
      table.set(address, bytes < 0 ? RULE_UNKNOWN : this.#rule(rules, fn, bytes));
    }
  }

  #rule(rules: RuleSet, fn: GoFunction, bytes: number): number {
    const caller = savesCallers(fn);
    const added = this.#switch;
    const words = bytes / WORD;
    if (fn.outermost) {
      return intern(rules, { cfa: inRegister(CFA_REGISTER), offset: bytes + WORD, returns: SAVED_UNDEFINED });
    }
    if (caller !== undefined && added && Number.isInteger(words) && words <= MAX_SWITCH_WORDS) {
      return intern(rules, {
        cfa: CFA_GO_STACK | words << 4,
        offset: added.threadLocal,
        framePointer: SAVED_UNDEFINED,
        framePointerOffset: added.current,
        add: caller ? 0 : bytes + WORD,
      });
    }
    // Go's compiler keeps frame pointers: the caller's lies below the return address in all that has a frame.
    return intern(rules, {
      cfa: inRegister(CFA_REGISTER),
      offset: bytes + WORD,
      ...(bytes >= WORD && { framePointer: SAVED_AT_CFA, framePointerOffset: -2 * WORD }),
    });
  }
}

function inRegister(kind: number): number {
  return kind | STACK_POINTER << 4;
}

function intern(
  rules: RuleSet,
  { cfa, offset, framePointer = SAVED_SAME, framePointerOffset = 0, returns = SAVED_AT_CFA, add = 0 }: {
    cfa: number;
    offset: number;
    framePointer?: number;
    framePointerOffset?: number;
    returns?: number;
    add?: number;
  },
): number {
  const word = cfa | framePointer << 8 | returns << 16;
  const rule = rules.intern(word, offset, framePointerOffset, -WORD & 0xffff | add << 16);
  return rule < 0 ? RULE_UNKNOWN : rule;
}
