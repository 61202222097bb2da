// SPDX-License-Identifier: Apache-2.0
/**
 * Says what single instructions make of where the caller is found on the stack.
 *
 * @module
 */

import type { Instruction } from "./amd64_code.ts";

/** The numbers that instructions have for them; DWARF's are 7 and 6. */
export const RSP = 4;
export const RBP = 5;
/** A return address takes so many bytes. */
const WORD = 8;
/** More is no frame. */
const MAX_DEPTH = 1 << 24;

/** Tells how the caller is found at an instruction. CFA is what the caller's stack pointer was before its call. */
export interface StackState {
  /** CFA less the stack pointer; `undefined` where that was rounded, or is not to be told. */
  readonly depth: number | undefined;
  /** CFA less the frame pointer, where that points to the caller's on the stack; 0 where it does not. */
  readonly frame: number;
  /** CFA less where the caller's frame pointer was saved; 0 where it was not. */
  readonly saved: number;
  /** A register that holds an earlier stack pointer, and CFA less that. */
  readonly copy: Copy | undefined;
  /** After the stack pointer was rounded, how far it was moved down since. */
  readonly moved: number;
  /** Tells where from the rounded stack pointer, downwards, the copy was stored, and what it was. */
  readonly stored: { readonly at: number; readonly below: number } | undefined;
}

interface Copy {
  readonly register: number;
  readonly below: number;
}

/** Holds where a function begins. */
export const ENTRY: StackState = {
  depth: WORD,
  frame: 0,
  saved: 0,
  copy: undefined,
  moved: 0,
  stored: undefined,
};

/** Tells whether the stack pointer may be that of another stack. */
export function isElsewhere({ depth, frame }: StackState): boolean {
  return depth === undefined && frame === 0;
}

/** Returns a text that is equal for equal states. */
export function keyOf({ depth, frame, saved, copy, moved, stored }: StackState): string {
  return `${depth} ${frame} ${saved} ${copy?.register} ${copy?.below} ${moved} ${stored?.at} ${stored?.below}`;
}

/** Returns the state after a word was pushed. */
export function push(state: StackState): StackState {
  return lower(state, WORD);
}

/** Moves the stack pointer down by `bytes`. */
function lower(state: StackState, bytes: number): StackState {
  if (state.depth === undefined) return { ...state, moved: state.moved + bytes };
  return atDepth(state, state.depth + bytes);
}

/** Sets how far the stack reaches; what is beyond it is gone. */
function atDepth(state: StackState, depth: number): StackState {
  if (depth < WORD || depth > MAX_DEPTH) return lost(state);
  return {
    ...state,
    depth,
    saved: state.saved > depth ? 0 : state.saved,
    frame: state.frame > depth ? 0 : state.frame,
    moved: 0,
    stored: undefined,
  };
}

/** The stack pointer is set to what is not to be told. */
function lost(state: StackState): StackState {
  return { ...state, depth: undefined, moved: 0, stored: undefined };
}

/** Returns the state after an instruction that does not jump. */
export function step(state: StackState, instruction: Instruction): StackState {
  const { opcode, base, mode, register } = instruction;
  switch (opcode) {
    case 0x68: // push of constants, and of flags
    case 0x6a:
    case 0x9c:
      return push(state);
    case 0x9d:
      return lower(state, -WORD);
    case 0x8f:
      return mode === 3 ? popped(state, base) : lower(state, -WORD);
    case 0xff:
      return register % 8 === 6 ? push(state) : state;
    case 0xc9: // leave
      return state.frame ? popped(atDepth(state, state.frame), RBP) : lost(state);
    case 0x81: // arithmetic with a constant
    case 0x83:
      return mode === 3 && base === RSP
        ? adjusted(state, instruction)
        : overwritten(state, mode === 3 && register % 8 !== 7 ? base : -1);
    case 0x89: // mov to a register or to memory
      return mode === 3 ? moved(state, base, register) : stored(state, instruction);
    case 0x8b: // mov from there
      return mode === 3 ? moved(state, register, base) : loaded(state, instruction);
    case 0x8d:
      return addressed(state, instruction);
  }
  if (opcode >> 3 === 0x50 >> 3) return base === RBP ? pushedFrame(state) : push(state);
  if (opcode >> 3 === 0x58 >> 3) return popped(state, base);
  if (opcode >> 3 === 0xb8 >> 3) return overwritten(state, base);
  // Arithmetic between registers: with the operand or the register as what is set.
  if (opcode < 0x38 && (opcode & 6) === 0) return overwritten(state, mode === 3 ? base : -1);
  if (opcode < 0x38 && (opcode & 6) === 2) return overwritten(state, register);
  return state;
}

function pushedFrame(state: StackState): StackState {
  const after = push(state);
  return after.depth !== undefined && after.saved === 0 ? { ...after, saved: after.depth } : after;
}

function popped(state: StackState, register: number): StackState {
  return register === RSP ? lost(state) : overwritten(lower(state, -WORD), register);
}

/** `sub`, `add` and `and` of the stack pointer. */
function adjusted(state: StackState, { register, constant }: Instruction): StackState {
  if (register % 8 === 5) return lower(state, constant);
  if (register % 8 === 0) return lower(state, -constant);
  return lost(state);
}

/** A register has another value. */
function overwritten(state: StackState, register: number): StackState {
  if (register === RSP) return lost(state);
  if (register === RBP && state.frame) return overwritten({ ...state, frame: 0 }, register);
  return state.copy?.register === register ? { ...state, copy: undefined } : state;
}

/** `mov` between registers. */
function moved(state: StackState, to: number, from: number): StackState {
  if (from === RSP && to !== RSP) {
    const { depth } = state;
    if (depth === undefined) return overwritten(state, to);
    // Any register may hold an address of the stack; this one is a frame pointer where the caller's is on top.
    if (to === RBP) return { ...state, frame: depth === state.saved ? depth : 0 };
    return state.copy && state.copy.register !== to
      ? state
      : { ...state, copy: { register: to, below: depth } };
  }
  if (to !== RSP) return overwritten(state, to);
  if (from === RBP && state.frame) return atDepth(state, state.frame);
  return state.copy?.register === from ? atDepth(state, state.copy.below) : lost(state);
}

/** `mov` to memory: of the caller's frame pointer, or of an earlier stack pointer. */
function stored(
  state: StackState,
  { register, base, plainAddress, displacement, wide }: Instruction,
): StackState {
  if (!plainAddress || base !== RSP || !wide) return state;
  const { depth, copy } = state;
  if (depth === undefined) {
    if (copy?.register !== register) return state;
    return { ...state, stored: { at: state.moved - displacement, below: copy.below } };
  }
  const saves = register === RBP && state.saved === 0 && displacement >= 0 && displacement < depth - WORD;
  return saves ? { ...state, saved: depth - displacement } : state;
}

/** `mov` from memory. */
function loaded(state: StackState, { register, base, plainAddress, displacement }: Instruction): StackState {
  const { stored } = state;
  if (register !== RSP || !plainAddress || base !== RSP || stored?.at !== state.moved - displacement) {
    return overwritten(state, register);
  }
  return atDepth(state, stored.below);
}

/** `lea` */
function addressed(state: StackState, instruction: Instruction): StackState {
  const { register, base, plainAddress, displacement } = instruction;
  if (register !== RSP) return overwritten(state, register);
  if (!plainAddress) return lost(state);
  if (base === RSP) return lower(state, -displacement);
  if (base === RBP && state.frame) return atDepth(state, state.frame - displacement);
  return state.copy?.register === base ? atDepth(state, state.copy.below - displacement) : lost(state);
}
