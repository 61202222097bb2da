// SPDX-License-Identifier: Apache-2.0
/**
 * Runs call frame instructions, and turns the state at each address into a rule.
 *
 * Format: DWARF 5, 6.4.2 and 6.4.3, with GNU's and LSB's additions.
 *
 * @module
 */

import { type Form, FRAME_POINTER, readForm, RETURN_ADDRESS, STACK_POINTER } from "./amd64.ts";
import { DW_CFA } from "./cfa_instructions.ts";
import type { Cie, Fde, FrameReader } from "./eh_frame.ts";
import { LossCounts, type UnwindLoss } from "./losses.ts";
import { MalformedError, type Reader } from "./reader.ts";
import * as rules from "./rules.ts";
import type { TableBuilder } from "./table.ts";

/** Slots of the state: the CFA, and how each of three registers is saved. */
const CFA = 0;
const CFA_OFFSET = 1;
const CFA_ADD = 2;
/** The offset of the last CFA that was register + offset, for instructions that change only the register. */
const REGISTER_OFFSET = 3;
const FP = 4;
const FP_OFFSET = 5;
const RA = 6;
const RA_OFFSET = 7;
const SP = 8;
const SP_OFFSET = 9;
const SLOTS = 10;

/** This stands in place of a kind where what the instructions say has none; it is never in a rule. */
const BEYOND = -1;
/** This is like {@linkcode BEYOND}, for a CFA that no instruction has set. */
const UNSET = -2;

/** Remembered states that may nest; compilers use 1. */
const MAX_REMEMBERED = 64;

/** Ends a function's instructions: what follows cannot be known. */
class Stop extends Error {
  readonly loss: UnwindLoss;

  constructor(loss: UnwindLoss) {
    super(loss);
    this.loss = loss;
  }
}

/** Sets the rows of one file's functions in its table. */
export class CfaMachine {
  readonly #set: rules.RuleSet;
  readonly #table: TableBuilder;
  readonly #losses: LossCounts;
  /** The state after each common entry's instructions, or why there is none. */
  readonly #initial = new Map<Cie, Float64Array | UnwindLoss>();
  readonly #state = new Float64Array(SLOTS);
  readonly #remembered = new Float64Array(SLOTS * MAX_REMEMBERED);
  #depth = 0;
  /** DW_CFA_restore goes back to this. */
  #start = new Float64Array(SLOTS);
  #location = 0;
  #limit = 0;
  #signal = 0;
  /** The state's rule; -1 when it is not known since the last change. */
  #rule = -1;

  /** @param set the rules of the table */
  constructor(table: TableBuilder, set: rules.RuleSet, losses: LossCounts) {
    this.#table = table;
    this.#set = set;
    this.#losses = losses;
  }

  /** Sets the rows from the start of `fde` up to `limit`, of the unknown rule where there is no other. */
  run(frames: FrameReader, fde: Fde, limit: number): void {
    const { cie } = fde;
    const initial = this.#initialOf(cie);
    this.#location = fde.start;
    this.#limit = limit;
    this.#signal = cie.signal ? rules.RULE_SIGNAL : 0;
    const loss = typeof initial === "string" ? initial : this.#execute(frames, cie, fde, initial);
    if (loss) this.#losses.add(loss);
    if (this.#location < limit) {
      this.#table.set(this.#location, loss ? rules.RULE_UNKNOWN : this.#currentRule());
    }
  }

  #initialOf(cie: Cie): Float64Array | UnwindLoss {
    let initial = this.#initial.get(cie);
    if (initial === undefined) {
      const before = new Float64Array(SLOTS);
      before[CFA] = UNSET;
      before[RA] = BEYOND;
      // There are no addresses in a common entry: nothing is below this limit.
      this.#location = 0;
      this.#limit = -1;
      initial = cie.returnRegister === RETURN_ADDRESS
        ? this.#execute(cie.frames, cie, cie, before) ?? this.#state.slice()
        : "return_register";
      this.#initial.set(cie, initial);
    }
    return initial;
  }

  /** Runs the instructions of `entry`; what it returns is why they cannot be followed to their end. */
  #execute(
    frames: FrameReader,
    cie: Cie,
    entry: Pick<Fde, "from" | "to">,
    start: Float64Array,
  ): UnwindLoss | undefined {
    this.#start.set(start);
    this.#state.set(start);
    this.#depth = 0;
    this.#rule = -1;
    try {
      const reader = frames.instructions(entry);
      while (reader.position < reader.end) this.#step(reader, frames, cie);
    } catch (error) {
      if (error instanceof Stop) return error.loss;
      if (error instanceof MalformedError) return "instruction";
      throw error;
    }
  }

  #step(reader: Reader, frames: FrameReader, cie: Cie): void {
    const code = reader.u8();
    const operand = code & 0x3f;
    switch (code >> 6) {
      case 0:
        return this.#extended(code, reader, frames, cie);
      case 1:
        return this.#moveTo(this.#location + operand * cie.codeAlign);
      case 2:
        return this.#save(operand, rules.SAVED_AT_CFA, reader.uleb() * cie.dataAlign);
      case 3:
        return this.#restore(operand);
    }
  }

  /** Does the instructions whose code takes the whole byte, by kind. */
  #extended(code: number, reader: Reader, frames: FrameReader, cie: Cie): void {
    switch (code) {
      case DW_CFA.nop:
        return;
      case DW_CFA.advance_loc1:
        return this.#moveTo(this.#location + reader.u8() * cie.codeAlign);
      case DW_CFA.advance_loc2:
        return this.#moveTo(this.#location + reader.u16() * cie.codeAlign);
      case DW_CFA.advance_loc4:
        return this.#moveTo(this.#location + reader.u32() * cie.codeAlign);
      case DW_CFA.set_loc:
        return this.#moveTo(frames.readAddress(reader, cie));
      case DW_CFA.def_cfa:
        return this.#defineCfa(reader.uleb(), reader.uleb());
      case DW_CFA.def_cfa_sf:
        return this.#defineCfa(reader.uleb(), reader.sleb() * cie.dataAlign);
      case DW_CFA.def_cfa_register:
        return this.#changeRegister(reader.uleb());
      case DW_CFA.def_cfa_offset:
        return this.#changeOffset(reader.uleb());
      case DW_CFA.def_cfa_offset_sf:
        return this.#changeOffset(reader.sleb() * cie.dataAlign);
      case DW_CFA.def_cfa_expression:
        return this.#defineCfaForm(readForm(reader, reader.uleb()));
      case DW_CFA.remember_state:
        return this.#remember();
      case DW_CFA.restore_state:
        return this.#recall();
      case DW_CFA.GNU_args_size:
        // Only for who unwinds to run handlers: it does not change where anything is.
        reader.uleb();
        return;
      default:
        return this.#saveInstruction(code, reader, cie);
    }
  }

  /** Does the instructions that say where one register is. */
  #saveInstruction(code: number, reader: Reader, cie: Cie): void {
    const register = reader.uleb();
    switch (code) {
      case DW_CFA.offset_extended:
        return this.#save(register, rules.SAVED_AT_CFA, reader.uleb() * cie.dataAlign);
      case DW_CFA.offset_extended_sf:
        return this.#save(register, rules.SAVED_AT_CFA, reader.sleb() * cie.dataAlign);
      case DW_CFA.GNU_negative_offset_extended:
        return this.#save(register, rules.SAVED_AT_CFA, -reader.uleb() * cie.dataAlign);
      case DW_CFA.val_offset:
        return this.#save(register, rules.SAVED_IS_CFA, reader.uleb() * cie.dataAlign);
      case DW_CFA.val_offset_sf:
        return this.#save(register, rules.SAVED_IS_CFA, reader.sleb() * cie.dataAlign);
      case DW_CFA.restore_extended:
        return this.#restore(register);
      case DW_CFA.undefined:
        return this.#save(register, rules.SAVED_UNDEFINED, 0);
      case DW_CFA.same_value:
        return this.#save(register, rules.SAVED_SAME, 0);
      case DW_CFA.register:
        return this.#save(register, inRegister(rules.SAVED_IN_REGISTER, reader.uleb()), 0);
      case DW_CFA.expression:
        return this.#saveForm(register, rules.SAVED_AT_REGISTER, readForm(reader, reader.uleb()));
      case DW_CFA.val_expression:
        return this.#saveForm(register, rules.SAVED_IN_REGISTER, readForm(reader, reader.uleb()));
      default:
        throw new Stop("instruction");
    }
  }

  #moveTo(location: number): void {
    if (location === this.#location) return;
    if (location < this.#location) throw new Stop("instruction");
    if (this.#location < this.#limit) this.#table.set(this.#location, this.#currentRule());
    this.#location = location;
  }

  #defineCfa(register: number, offset: number): void {
    this.#state[REGISTER_OFFSET] = offset;
    this.#setCfa(inRegister(rules.CFA_REGISTER, register), offset, 0);
  }

  /**
   * DWARF allows this only where the CFA is register + offset. Assembly (libgcrypt) does it after an expression,
   * too, and all unwinders take the offset that held before it.
   */
  #changeRegister(register: number): void {
    if (this.#state[CFA] !== UNSET) this.#defineCfa(register, this.#state[REGISTER_OFFSET]!);
  }

  /** Leaves an expression in force, as all unwinders do. */
  #changeOffset(offset: number): void {
    const cfa = this.#state[CFA]!;
    this.#state[REGISTER_OFFSET] = offset;
    if ((cfa & 15) === rules.CFA_REGISTER) this.#setCfa(cfa, offset, 0);
  }

  #defineCfaForm(form: Form | undefined): void {
    if (form) this.#setCfa(inRegister(form.kind, form.register), form.offset, form.add);
    else this.#setCfa(BEYOND, 0, 0);
  }

  #setCfa(cfa: number, offset: number, add: number): void {
    this.#state[CFA] = cfa;
    this.#state[CFA_OFFSET] = offset;
    this.#state[CFA_ADD] = add;
    this.#rule = -1;
  }

  #save(register: number, how: number, offset: number): void {
    const slot = slotOf(register);
    if (slot < 0) return;
    this.#state[slot] = how;
    this.#state[slot + 1] = offset;
    this.#rule = -1;
  }

  #saveForm(register: number, kind: number, form: Form | undefined): void {
    if (form?.kind !== rules.CFA_REGISTER) return this.#save(register, BEYOND, 0);
    this.#save(register, inRegister(kind, form.register), form.offset);
  }

  #restore(register: number): void {
    const slot = slotOf(register);
    if (slot >= 0) this.#save(register, this.#start[slot]!, this.#start[slot + 1]!);
  }

  #remember(): void {
    if (this.#depth === MAX_REMEMBERED) throw new Stop("state");
    this.#remembered.set(this.#state, SLOTS * this.#depth++);
  }

  #recall(): void {
    if (this.#depth === 0) throw new Stop("state");
    const at = SLOTS * --this.#depth;
    for (let slot = 0; slot < SLOTS; slot++) this.#state[slot] = this.#remembered[at + slot]!;
    this.#rule = -1;
  }

  #currentRule(): number {
    if (this.#rule < 0) this.#rule = this.#makeRule();
    return this.#rule;
  }

  #makeRule(): number {
    const state = this.#state;
    const cfa = state[CFA]!;
    if (cfa < 0) return this.#unknown(cfa === UNSET ? "cfa_undefined" : "cfa_expression");
    if (!this.#stackPointerIsCfa()) return this.#unknown("stack_pointer");
    const ra = state[RA]!;
    if (ra < 0 || ra === rules.SAVED_SAME) return this.#unknown("return_address");
    let fp = state[FP]!;
    if (fp < 0) {
      this.#losses.add("frame_pointer");
      fp = rules.SAVED_UNDEFINED;
    }
    // One by one: V8 compiles a destructuring by numbers time and again, as what it made is wrong at the next call.
    const offset = state[CFA_OFFSET]!;
    const fpOffset = state[FP_OFFSET]!;
    const raOffset = state[RA_OFFSET]!;
    if ((offset | 0) !== offset || (fpOffset | 0) !== fpOffset || raOffset << 16 >> 16 !== raOffset) {
      return this.#unknown("offset");
    }
    const word = cfa | fp << 8 | ra << 16 | this.#signal << 24;
    const rule = this.#set.intern(word, offset, fpOffset, raOffset & 0xffff | state[CFA_ADD]! << 16);
    return rule < 0 ? this.#unknown("rules") : rule;
  }

  #unknown(loss: UnwindLoss): number {
    this.#losses.add(loss);
    return rules.RULE_UNKNOWN;
  }

  /** Signal trampolines restore the stack pointer from the place that their CFA is read from. */
  #stackPointerIsCfa(): boolean {
    const state = this.#state;
    const how = state[SP]!;
    if (how === rules.SAVED_SAME) return true;
    if (how === rules.SAVED_IS_CFA) return state[SP_OFFSET] === 0;
    return (how & 15) === rules.SAVED_AT_REGISTER && state[CFA] === (how & 0xf0 | rules.CFA_DEREF) &&
      state[CFA_OFFSET] === state[SP_OFFSET] && state[CFA_ADD] === 0;
  }
}

/** Returns `kind` with a register; {@linkcode BEYOND} when there is none of this number. */
function inRegister(kind: number, register: number): number {
  return register < 16 ? kind | register << 4 : BEYOND;
}

function slotOf(register: number): number {
  switch (register) {
    case FRAME_POINTER:
      return FP;
    case RETURN_ADDRESS:
      return RA;
    case STACK_POINTER:
      return SP;
    default:
      return -1;
  }
}
