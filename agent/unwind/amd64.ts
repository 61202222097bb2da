// SPDX-License-Identifier: Apache-2.0
/**
 * The part of unwinding that is of amd64: the registers' DWARF numbers (System V ABI, AMD64 supplement, figure 3.36)
 * and
 * the forms of DWARF expressions that compilers, linkers and hand-written assembly use there.
 *
 * @module
 */

import { Reader } from "./reader.ts";
import { CFA_DEREF, CFA_INDEXED, CFA_PLT, CFA_REGISTER } from "./rules.ts";

export const FRAME_POINTER = 6;
export const STACK_POINTER = 7;
export const RETURN_ADDRESS = 16;

/** A rule has 16 bits, with a sign, for what is added. */
const MAX_ADD = 0x8000;

const OP_DEREF = 0x06;
const OP_AND = 0x1a;
const OP_MUL = 0x1e;
const OP_PLUS = 0x22;
const OP_PLUS_UCONST = 0x23;
const OP_SHL = 0x24;
const OP_GE = 0x2a;
const OP_LIT0 = 0x30;
const OP_BREG0 = 0x70;

/** An expression in one of the forms that a rule can hold: see the kinds of `rules.ts`. */
export interface Form {
  readonly kind: typeof CFA_REGISTER | typeof CFA_DEREF | typeof CFA_INDEXED | typeof CFA_PLT;
  readonly register: number;
  readonly offset: number;
  readonly add: number;
}

/**
 * Recognises the expression of `length` bytes that is next in `reader`, and moves behind it.
 *
 * @returns `undefined` when it has another form
 */
export function readForm(reader: Reader, length: number): Form | undefined {
  const start = reader.position;
  reader.skip(length);
  const { bytes } = reader;
  const end = reader.position;
  const register = (bytes[start] ?? 0) - OP_BREG0;
  if (length < 2 || register < 0 || register > 15) return undefined;
  reader.position = start + 1;
  const offset = reader.sleb();
  const rest = bytes.subarray(reader.position, Math.max(reader.position, end));
  reader.position = end;
  return rest.length === 0
    ? { kind: CFA_REGISTER, register, offset, add: 0 }
    : deref(rest, register, offset) ?? (register === STACK_POINTER ? pltOrIndexed(rest, offset) : undefined);
}

/** Reads `deref`, and perhaps `plus_uconst N` after it. */
function deref(rest: Uint8Array, register: number, offset: number): Form | undefined {
  const add = rest.length === 1 ? 0 : addition(rest.subarray(1));
  if (rest[0] !== OP_DEREF || add === undefined) return undefined;
  return { kind: CFA_DEREF, register, offset, add };
}

/** Reads N of `plus_uconst N`, where it fits in a rule. */
function addition(code: Uint8Array): number | undefined {
  if (code.length < 2 || code[0] !== OP_PLUS_UCONST) return undefined;
  const reader = new Reader(code, 1);
  const add = reader.uleb();
  return reader.position === reader.end && add < MAX_ADD ? add : undefined;
}

/** Reads what follows `breg7 offset` in the two forms that add something to the stack pointer. */
function pltOrIndexed(rest: Uint8Array, offset: number): Form | undefined {
  const register = rest[0]! - OP_BREG0;
  if (rest[1] !== 0) return undefined;
  const threshold = (rest[4] ?? 0) - OP_LIT0;
  const plt = [
    RETURN_ADDRESS + OP_BREG0,
    0,
    OP_LIT0 + 15,
    OP_AND,
    OP_LIT0 + threshold,
    OP_GE,
    OP_LIT0 + 3,
    OP_SHL,
    OP_PLUS,
  ];
  if (threshold >= 0 && threshold < 16 && equal(rest, plt)) {
    return { kind: CFA_PLT, register: STACK_POINTER, offset, add: threshold };
  }
  const add = addition(rest.subarray(6));
  const index = [register + OP_BREG0, 0, OP_LIT0 + 8, OP_MUL, OP_PLUS, OP_DEREF];
  if (register < 0 || register > 15 || add === undefined || !equal(rest.subarray(0, 6), index)) {
    return undefined;
  }
  return { kind: CFA_INDEXED, register, offset, add };
}

function equal(a: Uint8Array, b: readonly number[]): boolean {
  return a.length === b.length && b.every((byte, i) => a[i] === byte);
}
