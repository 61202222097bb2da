// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the caller in code that goes to another stack, as coroutines do, by how it leaves for that.
 *
 * @module
 */

import { Instruction, TWO_BYTE } from "./amd64_code.ts";
import { ENTRY, RBP, RSP, type StackState } from "./stack_state.ts";

/** Those that take registers off the stack are fewer. */
const MAX_INSTRUCTIONS = 32;
const WORD = 8;

/**
 * Returns the state at `at`, where the stack pointer has just become one that is not known: the code from there on takes
 * registers off that stack and returns, so the return address is as far up as it takes. `undefined` where it does anything
 * else.
 */
export function stateAfterSwitch(code: Uint8Array, at: number): StackState | undefined {
  const instruction = new Instruction();
  /** Where registers were read from, by their numbers, upwards from the stack pointer at first. */
  const from = new Map<number, number>();
  let taken = 0;
  for (let i = 0; i < MAX_INSTRUCTIONS; i++) {
    const { opcode, mode, base, register, constant, plainAddress, displacement, length } = instruction.decode(
      code,
      at,
    );
    if (length === 0) return undefined;
    at += length;
    if (opcode === 0xc3) return returningAt(taken, from);
    if (opcode === 0xff && register % 8 === 4 && mode === 3) {
      const returns = taken - WORD;
      return from.get(base) === returns ? returningAt(returns, from) : undefined;
    }
    if (opcode >> 3 === 0x58 >> 3) {
      if (base === RSP) return undefined;
      from.set(base, taken);
      taken += WORD;
    } else if ((opcode === 0x81 || opcode === 0x83) && mode === 3 && base === RSP) {
      if (register % 8 !== 0 || constant < 0) return undefined;
      taken += constant;
    } else if (opcode === 0x8d && register === RSP) {
      if (!plainAddress || base !== RSP || displacement < 0) return undefined;
      taken += displacement;
    } else if (opcode === 0x8b && register !== RSP && plainAddress && base === RSP && displacement >= 0) {
      from.set(register, taken + displacement);
    } else {
      const set = setBy(instruction);
      if (set === RSP || set === undefined) return undefined;
      from.delete(set);
    }
  }
  return undefined;
}

function returningAt(at: number, from: ReadonlyMap<number, number>): StackState {
  const depth = at + WORD;
  const framePointer = from.get(RBP);
  return { ...ENTRY, depth, saved: framePointer === undefined ? 0 : depth - framePointer };
}

const NO_REGISTER = -1;

/** Returns the register that an instruction sets which goes to the next one; `undefined` where it may do anything else. */
function setBy({ opcode, mode, register, base }: Instruction): number | undefined {
  switch (opcode) {
    case 0x31: // xor
    case 0x89: // mov to a register or to memory
      return mode === 3 ? base : opcode === 0x89 ? NO_REGISTER : undefined;
    case 0x8b: // mov from there
    case 0x8d: // lea
      return register;
    case 0x90: // nop, in three forms
    case TWO_BYTE + 0x1e:
    case TWO_BYTE + 0x1f:
      return NO_REGISTER;
    case 0xd9: // fldcw
    case TWO_BYTE + 0xae: // ldmxcsr
      return mode === 3 ? undefined : NO_REGISTER;
  }
  return undefined;
}
