// SPDX-License-Identifier: Apache-2.0
/**
 * Unwind rows as LLVM's llvm-dwarfdump tells them: a second opinion, with expressions in full.
 *
 * The text of a row is "CFA RBP RIP" in its words: `RSP+16|[CFA-16]|[CFA-8]`, "" for a register that is not
 * mentioned. LLVM 14 leaves the CFA as it is at DW_CFA_restore_state, which no unwinder does: the CFA of functions
 * with that instruction is left open.
 *
 * @module
 */

import * as rules from "../../agent/unwind/rules.ts";
import { ANY, type FrameRows, NOTHING, outputOf, paint, type Steps, UNKNOWN } from "./unwind_steps.ts";

/** Runs llvm-dwarfdump on the file at `path`. */
export async function dwarfdumpSteps(path: string): Promise<Steps> {
  return paint(parseDump(await outputOf("llvm-dwarfdump", ["--eh-frame", path])));
}

function parseDump(input: Iterable<string>): FrameRows[] {
  const fdes: FrameRows[] = [];
  // Of the texts of a large file's rows some hundred are different.
  const [whole, anyCfa] = [new Map<string, string>(), new Map<string, string>()];
  const textOf = (words: string, restores: boolean) => {
    const texts = restores ? anyCfa : whole;
    const text = texts.get(words) ?? rowText(words, restores);
    texts.set(words, text);
    return text;
  };
  let restores = false;
  for (const line of input) {
    const entry = /FDE cie=[0-9a-f]+ pc=([0-9a-f]+)\.\.\.([0-9a-f]+)/.exec(line);
    if (entry) {
      restores = false;
      fdes.push({ start: parseInt(entry[1]!, 16), end: parseInt(entry[2]!, 16), address: [], text: [] });
      continue;
    }
    if (line.startsWith("  DW_CFA_restore_state")) restores = true;
    const row = /^ {2}0x([0-9a-f]+): CFA=(.*)$/.exec(line);
    if (!row) continue;
    fdes.at(-1)!.address.push(parseInt(row[1]!, 16));
    fdes.at(-1)!.text.push(textOf(row[2]!, restores));
  }
  return fdes;
}

function rowText(words: string, anyCfa: boolean): string {
  const [cfa = "", registers = ""] = words.split(": ");
  const cell = (name: string) => new RegExp(`\\b${name}=(\\[[^\\]]*\\]|[^,]*)`).exec(registers)?.[1] ?? "";
  return `${anyCfa ? ANY : cfa}|${cell("RBP")}|${cell("RIP")}`;
}

const REGISTERS = "RAX RDX RCX RBX RSI RDI RBP RSP R8 R9 R10 R11 R12 R13 R14 R15".split(" ");

/** Returns a rule in llvm-dwarfdump's words. */
export function dwarfdumpRule(set: Int32Array, index: number): string {
  const rule = rules.ruleOf(set, index);
  if (rule.cfa === rules.CFA_NONE) return NOTHING;
  if (rule.cfa === rules.CFA_UNKNOWN) return UNKNOWN;
  const rbp = saved(rule.framePointer, rule.framePointerRegister, rule.framePointerOffset);
  const rip = saved(rule.returnAddress, rule.returnAddressRegister, rule.returnAddressOffset);
  return `${cfaText(rule)}|${rbp}|${rip}`;
}

function cfaText({ cfa, cfaRegister, cfaOffset, cfaAdd }: rules.Rule): string {
  const plus = cfaAdd === 0 ? "" : `, DW_OP_plus_uconst 0x${cfaAdd.toString(16)}`;
  const stack = `DW_OP_breg7 RSP${signed(cfaOffset, true)}`;
  switch (cfa) {
    case rules.CFA_REGISTER:
      return REGISTERS[cfaRegister] + signed(cfaOffset);
    case rules.CFA_DEREF:
      return `${breg(cfaRegister, cfaOffset)}, DW_OP_deref${plus}`;
    case rules.CFA_INDEXED:
      return `${stack}, ${breg(cfaRegister, 0)}, DW_OP_lit8, DW_OP_mul, DW_OP_plus, DW_OP_deref${plus}`;
    default:
      return `${stack}, DW_OP_breg16 RIP+0, DW_OP_lit15, DW_OP_and, DW_OP_lit${cfaAdd}, ` +
        "DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus";
  }
}

function saved(how: number, register: number, offset: number): string {
  switch (how) {
    case rules.SAVED_SAME:
      return "";
    case rules.SAVED_AT_CFA:
      return `[CFA${signed(offset)}]`;
    case rules.SAVED_IS_CFA:
      return `CFA${signed(offset)}`;
    case rules.SAVED_UNDEFINED:
      return "undefined";
    case rules.SAVED_IN_REGISTER:
      return REGISTERS[register] + signed(offset);
    default:
      return `[${breg(register, offset)}]`;
  }
}

function breg(register: number, offset: number): string {
  return `DW_OP_breg${register} ${REGISTERS[register]}${signed(offset, true)}`;
}

/** Rows leave a zero out, expressions do not. */
function signed(offset: number, zero = false): string {
  return offset < 0 ? `${offset}` : offset === 0 && !zero ? "" : `+${offset}`;
}
