/**
 * Unwind rows as binutils' readelf tells them, to hold our tables to.
 *
 * The text of a row is "CFA rbp ra" in readelf's words: `rsp+16 c-16 c-8`, "u" for a register that is not
 * saved; "-" where no function is.
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
import { PAGE_BYTES, type UnwindTable } from "../../agent/unwind/table.ts";

/** What holds from each address on, ascending, equal neighbours merged. */
export interface Steps {
  readonly address: number[];
  readonly text: string[];
}

/** What our table leaves open. */
const UNKNOWN = "?";
const NOTHING = "-";

interface Fde {
  readonly start: number;
  readonly end: number;
  readonly address: number[];
  readonly text: string[];
}

/** Runs readelf on the file at `path`. */
export async function readelfSteps(path: string): Promise<Steps> {
  const { stdout } = await new Deno.Command("readelf", {
    args: ["-wF", "--debug-dump=no-follow-links", path],
    stderr: "null",
    env: { LC_ALL: "C" },
  }).output();
  return paint(parseFrames(lines(stdout)));
}

function* lines(bytes: Uint8Array): Generator<string> {
  const decoder = new TextDecoder("latin1");
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(10, from);
    const to = found < 0 ? bytes.length : found;
    yield decoder.decode(bytes.subarray(from, to));
    from = to + 1;
  }
}

/** Reads the entries of all sections, in the order of the file. */
export function parseFrames(input: Iterable<string>): Fde[] {
  const fdes: Fde[] = [];
  let cies = new Map<string, string>();
  let cie: string | undefined;
  let columns: string[] = [];
  for (const line of input) {
    if (line.startsWith("Contents of")) cies = new Map();
    const entry = /^([0-9a-f]{8,16}) [0-9a-f]{16} [0-9a-f]{8,16} (CIE|FDE)(.*)/.exec(line);
    if (entry) {
      cie = undefined;
      if (entry[2] === "CIE") cies.set(cie = entry[1]!, "- u u");
      else fdes.push(startFde(entry[3]!, cies));
    } else if (line.startsWith("   LOC")) {
      columns = line.trim().split(/\s+/).slice(2);
    } else if (/^[0-9a-f]{16} /.test(line)) {
      const text = rowText(line, columns);
      if (cie !== undefined) cies.set(cie, text);
      else addRow(fdes.at(-1)!, parseInt(line.slice(0, 16), 16), text);
    }
  }
  return fdes;
}

/** A function without rows of its own has its CIE's: readelf prints none for instructions that are all nops. */
function startFde(words: string, cies: Map<string, string>): Fde {
  const [, cie, start, end] = /cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)/.exec(words)!;
  const at = parseInt(start!, 16);
  return { start: at, end: parseInt(end!, 16), address: [at], text: [cies.get(cie!) ?? "- u u"] };
}

function addRow({ address, text }: Fde, at: number, row: string): void {
  // The first row is at the function's start, and takes the place of the CIE's.
  if (at === address.at(-1)) text[text.length - 1] = row;
  else {
    address.push(at);
    text.push(row);
  }
}

function rowText(line: string, columns: readonly string[]): string {
  // A register in a register is printed with its number: "r2 (rcx)".
  const [, cfa, ...cells] = line.trim().replace(/r\d+ \((\w+)\)/g, "$1").split(/\s+/);
  const cell = (name: string) => {
    const at = columns.indexOf(name);
    // "s" is explicitly the same value, and a column that is missing was never mentioned.
    return at < 0 || cells[at] === "s" ? "u" : cells[at]!;
  };
  return `${cfa} ${cell("rbp")} ${cell("ra")}`;
}

/** Where functions overlap the one that starts last holds, of equal ones the first. */
function paint(fdes: Fde[]): Steps {
  const steps: Steps = { address: [], text: [] };
  const sorted = fdes.filter(({ start, end }) => start < end)
    .sort((a, b) => a.start - b.start)
    .filter(({ start }, i, all) => i === 0 || start !== all[i - 1]!.start);
  for (const [i, fde] of sorted.entries()) {
    const end = Math.min(fde.end, sorted[i + 1]?.start ?? Infinity);
    for (const [row, address] of fde.address.entries()) {
      if (address < end) push(steps, address, fde.text[row]!);
    }
    if (end !== sorted[i + 1]?.start) push(steps, end, NOTHING);
  }
  return steps;
}

function push({ address, text }: Steps, at: number, what: string): void {
  if (text.at(-1) === what) return;
  address.push(at);
  text.push(what);
}

/** Our table in readelf's words. */
export function tableSteps({ rows, pages, first, rules }: UnwindTable): Steps {
  const texts = Array.from({ length: rules.length / 4 }, (_, i) => ruleText(rules, i));
  const steps: Steps = { address: [], text: [] };
  for (const [i, page] of pages.entries()) {
    // A page that is left out has nothing.
    if (i > 0 && pages[i - 1]! + 1 < page) push(steps, (pages[i - 1]! + 1) * PAGE_BYTES, NOTHING);
    for (let row = first[i]!; row < first[i + 1]!; row++) {
      push(steps, page * PAGE_BYTES + (rows[row]! & 0xffff), texts[rows[row]! >>> 16]!);
    }
  }
  if (pages.length > 0) push(steps, (pages.at(-1)! + 1) * PAGE_BYTES, NOTHING);
  if (steps.text[0] === NOTHING) {
    steps.address.shift();
    steps.text.shift();
  }
  return steps;
}

const REGISTERS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

function ruleText(rules: Int32Array, index: number): string {
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

/** How two tellings of one file compare. */
export interface Comparison {
  /** Steps of readelf. */
  readonly rows: number;
  /** Steps of either where we say that we do not know. */
  readonly unknown: number;
  readonly mismatches: number;
  /** The first few mismatches, for people. */
  readonly examples: readonly string[];
}

/** Compares at every address where either changes. */
export function compareSteps(theirs: Steps, ours: Steps): Comparison {
  let [unknown, mismatches, i, j] = [0, 0, -1, -1];
  const examples: string[] = [];
  while (i + 1 < theirs.address.length || j + 1 < ours.address.length) {
    const [next, other] = [theirs.address[i + 1] ?? Infinity, ours.address[j + 1] ?? Infinity];
    if (next <= other) i++;
    if (other <= next) j++;
    const [a, b] = [theirs.text[i] ?? NOTHING, ours.text[j] ?? NOTHING];
    if (b === UNKNOWN) unknown++;
    else if (a !== b && ++mismatches <= 5) {
      examples.push(`${Math.min(next, other).toString(16)}: readelf "${a}", ours "${b}"`);
    }
  }
  return { rows: theirs.address.length, unknown, mismatches, examples };
}
