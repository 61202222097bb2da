// SPDX-License-Identifier: Apache-2.0
/**
 * Unwind rows as binutils' readelf tells them, to hold our tables to.
 *
 * The text of a row is "CFA rbp ra" in readelf's words: `rsp+16 c-16 c-8`. It leaves some things open: every
 * expression is "exp", and "u" is a register that is undefined as well as one that was not mentioned yet
 * (`dwarfdump_frames.ts` tells those).
 *
 * @module
 */

import {
  CFA_NONE,
  CFA_REGISTER,
  CFA_UNKNOWN,
  ruleOf,
  SAVED_AT_CFA,
  SAVED_IN_REGISTER,
  SAVED_IS_CFA,
  SAVED_SAME,
  SAVED_UNDEFINED,
} from "../../agent/unwind/rules.ts";
import { type FrameRows, NOTHING, outputOf, paint, type Steps, UNKNOWN } from "./unwind_steps.ts";

/** Runs readelf on the file at `path`. */
export async function readelfSteps(path: string): Promise<Steps> {
  const args = ["-wF", "--debug-dump=no-follow-links", path];
  return paint(parseFrames(await outputOf("readelf", args)));
}

/** Reads the entries of all sections, in the order of the file. */
export function parseFrames(input: Iterable<string>): FrameRows[] {
  const fdes: FrameRows[] = [];
  let cies = new Map<string, string>();
  let cie: string | undefined;
  const tables = new Map<string, RowTexts>();
  let table = new RowTexts("");
  for (const line of input) {
    if (line.startsWith("Contents of")) cies = new Map();
    const entry = ENTRY.test(line) ? /^([0-9a-f]+) \S+ \S+ (CIE|FDE)(.*)/.exec(line) : undefined;
    if (entry) {
      cie = undefined;
      if (entry[2] === "CIE") cies.set(cie = entry[1]!, "- u u");
      else fdes.push(startFde(entry[3]!, cies));
    } else if (line.startsWith("   LOC")) {
      table = tables.get(line) ?? new RowTexts(line);
      tables.set(line, table);
    } else if (/^[0-9a-f]{16} /.test(line)) {
      const text = table.of(line.slice(17));
      if (cie !== undefined) cies.set(cie, text);
      else addRow(fdes.at(-1)!, parseInt(line.slice(0, 16), 16), text);
    }
  }
  return fdes;
}

const ENTRY = /^[0-9a-f]{8,16} [0-9a-f]{16} [0-9a-f]{8,16} [CF][ID]E/;

/** The texts of the rows below one header: a large file has a million rows, and of different ones some hundred. */
class RowTexts {
  readonly #columns: readonly string[];
  readonly #texts = new Map<string, string>();

  constructor(header: string) {
    this.#columns = header.trim().split(/\s+/).slice(2);
  }

  /** Returns the text of a row, of which `cells` is what stands behind its address. */
  of(cells: string): string {
    let text = this.#texts.get(cells);
    if (text === undefined) this.#texts.set(cells, text = rowText(cells, this.#columns));
    return text;
  }
}

/** A function without rows of its own has its CIE's: readelf prints none for instructions that are all nops. */
function startFde(words: string, cies: Map<string, string>): FrameRows {
  const [, cie, start, end] = /cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)/.exec(words)!;
  const at = parseInt(start!, 16);
  return { start: at, end: parseInt(end!, 16), address: [at], text: [cies.get(cie!) ?? "- u u"] };
}

function addRow({ address, text }: FrameRows, at: number, row: string): void {
  // The first row is at the function's start, and takes the place of the CIE's.
  if (at === address.at(-1)) text[text.length - 1] = row;
  else {
    address.push(at);
    text.push(row);
  }
}

function rowText(row: string, columns: readonly string[]): string {
  // A register in a register is printed with its number: "r2 (rcx)".
  const [cfa, ...cells] = row.trim().replace(/r\d+ \((\w+)\)/g, "$1").split(/\s+/);
  const cell = (name: string) => {
    const at = columns.indexOf(name);
    // "s" is explicitly the same value, and a column that is missing was never mentioned.
    return at < 0 || cells[at] === "s" ? "u" : cells[at]!;
  };
  return `${cfa} ${cell("rbp")} ${cell("ra")}`;
}

const REGISTERS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

/** Returns a rule in readelf's words. */
export function readelfRule(rules: Int32Array, index: number): string {
  const rule = ruleOf(rules, index);
  if (rule.cfa === CFA_NONE) return NOTHING;
  if (rule.cfa === CFA_UNKNOWN) return UNKNOWN;
  const cfa = rule.cfa === CFA_REGISTER ? REGISTERS[rule.cfaRegister] + signed(rule.cfaOffset) : "exp";
  const rbp = saved(rule.framePointer, rule.framePointerRegister, rule.framePointerOffset);
  const ra = saved(rule.returnAddress, rule.returnAddressRegister, rule.returnAddressOffset);
  return `${cfa} ${rbp} ${ra}`;
}

function saved(how: number, register: number, offset: number): string {
  switch (how) {
    case SAVED_SAME:
    case SAVED_UNDEFINED:
      return "u";
    case SAVED_AT_CFA:
      return "c" + signed(offset);
    case SAVED_IS_CFA:
      return "v" + signed(offset);
    case SAVED_IN_REGISTER:
      return REGISTERS[register]!;
    default:
      return "exp";
  }
}

function signed(offset: number): string {
  return offset < 0 ? `${offset}` : `+${offset}`;
}
