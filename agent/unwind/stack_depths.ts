// SPDX-License-Identifier: Apache-2.0
/**
 * Follows the stack pointer through code that has no unwind information, such as all of musl and hand-written assembly,
 * by what its instructions do: along all ways that lead from where functions begin.
 *
 * What is told is checked by the walk, which goes on only where a call precedes the return address: code may do what
 * is not seen here.
 *
 * @module
 */

import { lowerBound } from "../../symbols/ranges.ts";
import { Instruction, TWO_BYTE } from "./amd64_code.ts";
import { ENTRY, isElsewhere, keyOf, push, RSP, type StackState, step } from "./stack_state.ts";
import { stateAfterSwitch } from "./switched_stack.ts";

/** States are numbered in 16 bits; 0 is code that no way leads to. */
const MAX_STATES = 65_535;
/** Filling between functions is shorter, as is what is jumped over. */
const MAX_FILLING = 64;
/** No call is longer. */
const MAX_CALL_BYTES = 7;

/** Receives the state that holds from `offset` on; `undefined` where no way leads to. */
type OnState = (offset: number, state: StackState | undefined) => void;

/** Follows all ways through a piece of code. */
export class StackDepths {
  readonly #code: Uint8Array;
  readonly #states: StackState[] = [ENTRY];
  readonly #numbers = new Map<string, number>();
  /** The number of the state of each instruction, at its first byte. */
  readonly #at: Uint16Array;
  readonly #instruction = new Instruction();
  readonly #ways: number[] = [];
  readonly #begins = new Set<number>();
  /** Those of the begins whose address the code takes. */
  readonly #addressed = new Set<number>();
  /** From where, and to where, jumps lead that are made with the state of an entry. */
  readonly #lastJumps: number[] = [];
  /** The state at the last jump through a table, whose ends no jump leads to. */
  #table: number | undefined;

  constructor(code: Uint8Array) {
    this.#code = code;
    this.#at = new Uint16Array(code.length);
    this.#numbers.set(keyOf(ENTRY), 1);
  }

  /**
   * Follows the code from `starts`, where functions are known to begin, as offsets; then what these call, and what comes
   * after the end of each. Yields between steps of bounded work.
   */
  *follow(starts: Iterable<number>): Generator<void, void> {
    for (const at of starts) if (at >= 0 && at < this.#code.length) this.#begin(at);
    yield* this.#findCalled();
    for (const at of this.#begins) yield* this.#followAll(at);
    // What no way leads to after the end of a function is the next one, or an end of a jump through a table.
    for (let at = 0; at < this.#code.length;) {
      if (at % 4096 < 16) yield;
      if (this.#at[at] === 0 && !this.#isFilling(at)) {
        if (this.#table === undefined || this.#beginsFunction(at)) this.#begin(at);
        else this.#at[at] = this.#table;
        yield* this.#followAll(at);
      }
      if (this.#at[at] !== 0) this.#noteTable(at);
      at += this.#instruction.decode(this.#code, at).length || 1;
    }
  }

  /**
   * Returns where functions begin, ascending, as {@linkcode follow} found it: also where a function jumps at its end, with
   * the stack as it was at its own begin.
   */
  begins(): Float64Array {
    const begins = Float64Array.from(this.#begins).sort();
    const jumpedTo = new Set<number>();
    for (let i = 0; i < this.#lastJumps.length; i += 2) {
      const [from, to] = [this.#lastJumps[i]!, this.#lastJumps[i + 1]!];
      // Within a function nothing else begins between the two.
      if (lowerBound(begins, from + 1) !== lowerBound(begins, to + 1) && !this.#begins.has(to)) {
        jumpedTo.add(to);
      }
    }
    return Float64Array.from([...begins, ...jumpedTo]).sort();
  }

  /**
   * Tells the state at the beginning and each change of it, in ascending order of offsets. One byte before where code
   * begins whose address is taken none is known: a return address is looked up there, and where no call precedes it the
   * walk then knows that it was put on the stack by hand.
   */
  *tell(onState: OnState): Generator<void, void> {
    let last = -1;
    let unknown = 0;
    for (let at = 0; at < this.#code.length; at++) {
      if (at % 4096 === 0) yield;
      if (last > 0 && this.#addressed.has(at + 1) && !this.#followsCall(at + 1)) {
        onState(at, undefined);
        last = 0;
        continue;
      }
      const number = this.#at[at]!;
      // Within an instruction, too.
      if (number === 0 && last >= 0 && (last === 0 || ++unknown < MAX_FILLING)) continue;
      unknown = 0;
      if (number === last) continue;
      last = number;
      onState(at, this.#states[number - 1]);
    }
  }

  *#findCalled(): Generator<void, void> {
    for (const { called, addressed } of namedBy(this.#code)) {
      for (const at of called) if (at >= 0 && at < this.#code.length) this.#begin(at);
      for (const at of addressed) {
        if (at < 0 || at >= this.#code.length) continue;
        this.#begin(at);
        this.#addressed.add(at);
      }
      yield;
    }
  }

  /** Tells whether the instruction that ends at `end` is a call. */
  #followsCall(end: number): boolean {
    for (let at = end - 1; at >= 0 && end - at <= MAX_CALL_BYTES; at--) {
      if (this.#at[at] === 0) continue;
      const instruction = this.#instruction.decode(this.#code, at);
      return at + instruction.length === end && isCall(instruction);
    }
    return false;
  }

  #begin(at: number): void {
    this.#at[at] = 1;
    this.#begins.add(at);
  }

  *#followAll(start: number): Generator<void, void> {
    this.#ways.push(start);
    for (let at = this.#ways.pop(); at !== undefined; at = this.#ways.pop()) {
      this.#follow(at);
      yield;
    }
  }

  /** Follows one way, up to its end or where another one was. */
  #follow(at: number): void {
    const instruction = this.#instruction;
    for (let number = this.#at[at]!;;) {
      const { length } = instruction.decode(this.#code, at);
      if (length === 0) return;
      const next = at + length;
      const jump = jumpOf(instruction);
      if (jump !== "none") {
        const target = next + instruction.constant;
        if (jump === "always" || jump === "perhaps") this.#goTo(target, number);
        if (jump === "always" && number === 1 && target >= 0 && target < this.#code.length) {
          this.#lastJumps.push(at, target);
        }
        if (jump === "always" || jump === "end") return;
        // `call` to what follows pushes an address that is then taken off again.
        if (jump === "call" && instruction.constant === 0) number = this.#after(number, push);
        // Or it does not come back; musl's own `hlt` is within functions, and what the compiler wrote behind it is too.
        if (jump !== "perhaps" && this.#isNext(next)) return;
      } else {
        const { depth } = this.#states[number - 1]!;
        number = this.#after(number, step);
        if (depth !== undefined && isElsewhere(this.#states[number - 1]!)) {
          const state = stateAfterSwitch(this.#code, next);
          if (state) number = this.#after(number, () => state);
        }
      }
      if (next >= this.#code.length || this.#at[next] !== 0) return;
      this.#at[next] = number;
      at = next;
    }
  }

  #goTo(target: number, number: number): void {
    if (target < 0 || target >= this.#code.length || this.#at[target] !== 0) return;
    this.#at[target] = number;
    this.#ways.push(target);
  }

  #noteTable(at: number): void {
    if (this.#begins.has(at)) this.#table = undefined;
    const { opcode, register } = this.#instruction.decode(this.#code, at);
    // At the depth of an entry it is a call at the end.
    if (opcode === 0xff && register % 8 === 4 && this.#at[at] !== 1) this.#table = this.#at[at];
  }

  #after(number: number, change: (state: StackState, instruction: Instruction) => StackState): number {
    const before = this.#states[number - 1]!;
    const after = change(before, this.#instruction);
    if (after === before) return number;
    const key = keyOf(after);
    let known = this.#numbers.get(key);
    if (known === undefined && this.#states.length < MAX_STATES) {
      known = this.#states.push(after);
      this.#numbers.set(key, known);
    }
    return known ?? number;
  }

  /** Tells whether another function begins at `at`, or after what fills the space up to that. */
  #isNext(at: number): boolean {
    const begin = at;
    while (at < this.#code.length && at - begin < MAX_FILLING && this.#isFilling(at)) {
      at += this.#instruction.length || 1;
    }
    if (this.#begins.has(at)) return true;
    const { opcode, mode } = this.#instruction.decode(this.#code, at);
    return opcode === TWO_BYTE + 0x1e && mode === 3 || (at > begin && this.#beginsFunction(at));
  }

  /** Tells whether nothing that runs is at `at`: `nop` and `int3` of any length, and zeros. */
  #isFilling(at: number): boolean {
    const { opcode, length } = this.#instruction.decode(this.#code, at);
    if (length === 0) return true;
    return opcode === 0x90 || opcode === 0xcc || opcode === TWO_BYTE + 0x1f ||
      (this.#code[at] === 0 && this.#code[at + 1] === 0);
  }

  /** Tells whether the code is as functions begin: with a push, `endbr64`, or room for its own. */
  #beginsFunction(at: number): boolean {
    const { opcode, register, mode, base } = this.#instruction.decode(this.#code, at);
    if (opcode >> 3 === 0x50 >> 3 || (opcode === TWO_BYTE + 0x1e && mode === 3)) return true;
    return (opcode === 0x81 || opcode === 0x83) && mode === 3 && base === RSP && register % 8 === 5;
  }
}

/**
 * Yields where functions begin by the code that goes there: what it calls, and takes the address of, as offsets from its
 * begin, which may be outside of it; in parts, each of bounded work.
 */
export function* calledFrom(code: Uint8Array): Generator<number[], void> {
  for (const { called, addressed } of namedBy(code)) yield [...called, ...addressed];
}

function* namedBy(code: Uint8Array): Generator<{ called: number[]; addressed: number[] }, void> {
  const instruction = new Instruction();
  let [called, addressed]: [number[], number[]] = [[], []];
  for (let at = 0, next = 0; at < code.length; at = next) {
    const { opcode, constant, relative, length } = instruction.decode(code, at);
    next = at + (length || 1);
    if (length > 0) {
      if (opcode === 0xe8 && constant !== 0) called.push(next + constant);
      if (opcode === 0x8d && relative !== 0) addressed.push(next + relative);
    }
    if (at >> 12 !== next >> 12) {
      yield { called, addressed };
      [called, addressed] = [[], []];
    }
  }
  yield { called, addressed };
}

function isCall({ opcode, register }: Instruction): boolean {
  return opcode === 0xe8 || (opcode === 0xff && register % 8 === 2);
}

type Jump = "none" | "call" | "always" | "perhaps" | "stop" | "end";

/**
 * Tells where an instruction leads besides the next one; "end" is a return, a jump to where is not told, or a trap;
 * "stop" is one that compilers do not know of.
 */
function jumpOf({ opcode, register }: Instruction): Jump {
  if (opcode === 0xe8) return "call";
  if (opcode === 0xe9 || opcode === 0xeb) return "always";
  if (opcode >> 4 === 7 || opcode >> 4 === 0x18 || (opcode >= 0xe0 && opcode <= 0xe3)) return "perhaps";
  if (opcode === 0xf4) return "stop";
  if (opcode === 0xc2 || opcode === 0xc3 || opcode === 0xcc) return "end";
  if (opcode === TWO_BYTE + 0x0b || (opcode === 0xff && register % 8 === 4)) return "end";
  return "none";
}
