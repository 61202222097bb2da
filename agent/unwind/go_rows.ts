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
import { FRAME_POINTER, STACK_POINTER } from "./amd64.ts";
import {
  CFA_DEREF,
  CFA_GO_STACK,
  CFA_REGISTER,
  RULE_INJECTED,
  RULE_OTHER_STACK,
  RULE_SCHEDULER,
  RULE_SIGNAL,
  RULE_UNKNOWN,
  RULE_WAITS_FOR_OWN,
  type RuleSet,
  SAVED_AT_CFA,
  SAVED_AT_REGISTER,
  SAVED_SAME,
  SAVED_UNDEFINED,
} from "./rules.ts";
import type { TableBuilder } from "./table.ts";

const WORD = 8;
/** A rule has four bits for the depth of a function that changes stacks, in words. */
const MAX_SWITCH_WORDS = 15;
/** The thread looks for another goroutine in the first, and in what it calls, but for the second. */
const SCHEDULING = new Map([["runtime.schedule", RULE_SCHEDULER], [
  "runtime.stoplockedm",
  RULE_WAITS_FOR_OWN,
]]);
/** The runtime's handlers of signals put these between a function and the instruction that was interrupted. */
const INJECTED = new Set([
  "runtime.asyncPreempt",
  "runtime.sigpanic0",
  "runtime.sigpanic",
  "runtime.debugCallV2",
]);
/**
 * Where C code that a goroutine called calls Go, the runtime puts a return to this function's start on the goroutine's
 * stack, as if that had called.
 */
const CALLED_BACK = "runtime.systemstack_switch";
/** A signal's handler returns here: since Go 1.21 the second. */
const SIGNAL_RETURNS = new Set(["runtime.sigreturn", "runtime.sigreturn__sigaction"]);
/** These call the kernel's own code in the process on the thread's stack, and keep their frame pointer meanwhile. */
const VDSO_CALLERS = new Set([
  "runtime.nanotime1",
  "runtime.walltime",
  "runtime.walltime1",
  "runtime.vgetrandom1",
  "time.now",
]);
/** Up to Go 1.20 they set the frame pointer within so many bytes of their own, and set it back within the last. */
const PROLOGUE_BYTES = 16;
const EPILOGUE_BYTES = 9;
/** What is on top of the stack where a handler returns, in bytes: see read_signal_frame() of `bpf/arch/x86.h`. */
const [CONTEXT_BP, CONTEXT_SP, CONTEXT_IP] = [120, 160, 168];

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
    const borrows = VDSO_CALLERS.has(fn.name) ? Math.max(...depths.map(({ bytes }) => bytes)) : undefined;
    for (const [i, run] of depths.entries()) {
      if (run.address >= Math.min(end, to)) return;
      const rule = run.bytes < 0 ? RULE_UNKNOWN : this.#rule(rules, fn, run.bytes);
      table.set(run.address, rule);
      if (run.bytes !== borrows) continue;
      const after = depths[i + 1];
      const last = Math.min(after ? after.address - EPILOGUE_BYTES : end, to);
      const first = Math.max(run.address, address + PROLOGUE_BYTES);
      if (first >= last) continue;
      table.set(first, byFramePointer(rules));
      if (after && last < to) table.set(last, rule);
    }
  }

  #rule(rules: RuleSet, fn: GoFunction, bytes: number): number {
    const caller = savesCallers(fn);
    const added = this.#switch;
    const words = bytes / WORD;
    if (SIGNAL_RETURNS.has(fn.name)) return signalReturn(rules);
    if (fn.outermost) {
      return intern(rules, { cfa: inRegister(CFA_REGISTER), offset: bytes + WORD, returns: SAVED_UNDEFINED });
    }
    // In a shared library what its code goes by differs between processes.
    if (caller !== undefined && !added) return RULE_UNKNOWN;
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
      flags: fn.name === CALLED_BACK
        ? RULE_OTHER_STACK
        : SCHEDULING.get(fn.name) ?? (INJECTED.has(fn.name) ? RULE_INJECTED : 0),
    });
  }
}

function byFramePointer(rules: RuleSet): number {
  const cfa = CFA_REGISTER | FRAME_POINTER << 4;
  return intern(rules, {
    cfa,
    offset: 2 * WORD,
    framePointer: SAVED_AT_CFA,
    framePointerOffset: -2 * WORD,
    flags: RULE_OTHER_STACK,
  });
}

/** Returns the rule by which glibc's own way back is left, too. */
function signalReturn(rules: RuleSet): number {
  return intern(rules, {
    cfa: inRegister(CFA_DEREF),
    offset: CONTEXT_SP,
    framePointer: inRegister(SAVED_AT_REGISTER),
    framePointerOffset: CONTEXT_BP,
    returns: inRegister(SAVED_AT_REGISTER),
    returnsOffset: CONTEXT_IP,
    flags: RULE_SIGNAL,
  });
}

function inRegister(kind: number): number {
  return kind | STACK_POINTER << 4;
}

function intern(
  rules: RuleSet,
  {
    cfa,
    offset,
    framePointer = SAVED_SAME,
    framePointerOffset = 0,
    returns = SAVED_AT_CFA,
    returnsOffset = -WORD,
    add = 0,
    flags = 0,
  }: {
    cfa: number;
    offset: number;
    framePointer?: number;
    framePointerOffset?: number;
    returns?: number;
    returnsOffset?: number;
    add?: number;
    flags?: number;
  },
): number {
  const word = cfa | framePointer << 8 | returns << 16 | flags << 24;
  const rule = rules.intern(word, offset, framePointerOffset, returnsOffset & 0xffff | add << 16);
  return rule < 0 ? RULE_UNKNOWN : rule;
}
