// SPDX-License-Identifier: Apache-2.0
/**
 * Is the debug information of one file as libdw has it: its units, their functions, and what these say of themselves.
 *
 * @module
 */

import { LIBDW_DWARF, LIBELF_MEMORY } from "./dwarf_ffi.ts";
import { LibdwError } from "./libdw.ts";

const EV_CURRENT = 1;
const DWARF_C_READ = 0;
const DIE_BYTES = 32;
const ATTRIBUTE_BYTES = 24;
const DW_TAG_class_type = 0x02;
const DW_TAG_lexical_block = 0x0b;
const DW_TAG_compile_unit = 0x11;
const DW_TAG_structure_type = 0x13;
const DW_TAG_union_type = 0x17;
const DW_TAG_inlined_subroutine = 0x1d;
const DW_TAG_module = 0x1e;
const DW_TAG_catch_block = 0x25;
const DW_TAG_subprogram = 0x2e;
const DW_TAG_try_block = 0x32;
const DW_TAG_namespace = 0x39;
const DW_AT_comp_dir = 0x1b;
const DW_AT_decl_line = 0x3b;
const DW_AT_call_file = 0x58;
const DW_AT_call_line = 0x59;
const DW_AT_linkage_name = 0x6e;
const DW_AT_dwo_name = 0x76;
const DW_AT_MIPS_linkage_name = 0x2007;
const DW_AT_GNU_dwo_name = 0x2130;
/** Scopes of scopes: a function is in few, a made-up file may nest them for ever. */
export const MAX_DEPTH = 256;
/** One unit has no more; others are not looked at. */
const MAX_DIES = 2_000_000;

type Pointer = Deno.PointerObject;
/** Is a `Dwarf_Die`. */
export type Die = Uint8Array<ArrayBuffer>;

/** Is where something is in the source. */
export interface SourceLine {
  /** It is "" when not known. */
  readonly file: string;
  /** It is 0 when not known. */
  readonly line: number;
}

/** Is one compilation unit. */
export interface Unit {
  readonly die: Die;
  /** The folder in which it was compiled, with a slash behind; "" when that is not an absolute path. */
  readonly folder: string;
}

/** Is a row of a line table: what follows from `address` on. */
export interface LineRow extends SourceLine {
  readonly address: number;
  /** No code of the unit follows. */
  readonly end: boolean;
}

/** libdw, opened once for all files. */
export class Dwarf implements Disposable {
  readonly #libraries = new DisposableStack();
  readonly dw: Deno.StaticForeignLibraryInterface<typeof LIBDW_DWARF>;
  readonly elf: Deno.StaticForeignLibraryInterface<typeof LIBELF_MEMORY>;

  /** @throws {LibdwError} when the libraries are not installed */
  constructor() {
    try {
      this.dw = this.#libraries.adopt(Deno.dlopen("libdw.so.1", LIBDW_DWARF), (l) => l.close()).symbols;
      this.elf = this.#libraries.adopt(Deno.dlopen("libelf.so.1", LIBELF_MEMORY), (l) => l.close()).symbols;
    } catch (cause) {
      this.#libraries.dispose();
      throw new LibdwError("Cannot load libdw (Debian: apt-get install libdw1)", { cause });
    }
    this.elf.elf_version(EV_CURRENT);
  }

  [Symbol.dispose](): void {
    this.#libraries.dispose();
  }
}

/** Is the debug information of one file, in memory. */
export class DwarfFile implements Disposable {
  readonly #lib: Dwarf["dw"];
  readonly #libelf: Dwarf["elf"];
  readonly #open = new DisposableStack();
  readonly #dwarf: Pointer;
  /** Libelf points into these, which must therefore not be collected. */
  readonly #images: readonly Uint8Array[];
  readonly #text = new Map<bigint, string>();
  readonly #startLines = new Map<number, number>();

  /**
   * @param image an ELF image with debug sections, see `packDebugInfo`; kept until it is disposed of
   * @param alternative what dwz put into a file of its own
   * @throws {LibdwError} when libdw cannot read it
   */
  constructor(
    { dw, elf }: Dwarf,
    image: Uint8Array<ArrayBuffer>,
    { alternative }: { alternative?: Uint8Array<ArrayBuffer> | undefined } = {},
  ) {
    this.#lib = dw;
    this.#libelf = elf;
    this.#images = alternative ? [image, alternative] : [image];
    try {
      const common = alternative && this.#begin(alternative);
      this.#dwarf = this.#begin(image);
      if (common) dw.dwarf_setalt(this.#dwarf, common);
    } catch (error) {
      this.#open.dispose();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
    this.#text.clear();
  }

  /** Returns about how many bytes were made of the images, which are not counted themselves. */
  get bytes(): number {
    return this.#text.size * 100 + this.#startLines.size * 40;
  }

  get imageBytes(): number {
    return this.#images.reduce((sum, { length }) => sum + length, 0);
  }

  /** Returns the offsets of the units that have their functions in this file. */
  *units(): Generator<number> {
    const next = new BigUint64Array(2);
    const die = new Uint8Array(DIE_BYTES);
    const part = (at: number) => new Uint8Array(next.buffer, at * 8, 8);
    for (let offset = 0; this.#nextUnit(offset, part(0), part(1)) === 0;) {
      const dieOffset = offset + Number(next[1]);
      if (Number(next[0]) <= offset) break;
      offset = Number(next[0]);
      if (this.#lib.dwarf_offdie(this.#dwarf, BigInt(dieOffset), die) === null) continue;
      if (this.#lib.dwarf_tag(die) === DW_TAG_compile_unit && !this.#isSplit(die)) yield dieOffset;
    }
  }

  /** Returns the unit at an offset that {@linkcode units} gave. */
  unit(offset: number): Unit {
    const die = this.dieAt(offset)!;
    const attribute = new Uint8Array(ATTRIBUTE_BYTES);
    const known = this.#lib.dwarf_attr(die, DW_AT_comp_dir, attribute) !== null;
    const folder = known ? this.textAt(this.#lib.dwarf_formstring(attribute)) : "";
    return { die, folder: folder.startsWith("/") ? `${folder}/` : "" };
  }

  dieAt(offset: number): Die | undefined {
    const die = new Uint8Array(DIE_BYTES);
    return this.#lib.dwarf_offdie(this.#dwarf, BigInt(offset), die) === null ? undefined : die;
  }

  offsetOf(die: Die): number {
    return Number(this.#lib.dwarf_dieoffset(die));
  }

  isInlined(die: Die): boolean {
    return this.#lib.dwarf_tag(die) === DW_TAG_inlined_subroutine;
  }

  /** Tells whether a function's scope may have inlined functions in it, as its own ones. */
  isBlock(die: Die): boolean {
    const tag = this.#lib.dwarf_tag(die);
    return tag === DW_TAG_lexical_block || tag === DW_TAG_try_block || tag === DW_TAG_catch_block;
  }

  /** Visits the children of `parent`, with one buffer for all, until `visit` says that it has enough. */
  eachChild(parent: Die, visit: (die: Die) => boolean | void): void {
    const die = new Uint8Array(DIE_BYTES);
    let left = MAX_DIES;
    let more = this.#lib.dwarf_child(parent, die);
    for (; more === 0 && left-- > 0; more = this.#lib.dwarf_siblingof(die, die)) {
      if (visit(die)) return;
    }
  }

  covers(die: Die, address: number): boolean {
    return this.#lib.dwarf_haspc(die, BigInt(address)) === 1;
  }

  /** Reads the unit's line table, which libdw keeps; returns how many rows that has. */
  readLines({ die }: Unit): number {
    return this.#lines(die).count;
  }

  /** Returns the unit's line table in the order of addresses. */
  *lineRows(unit: Unit): Generator<LineRow> {
    const { lines, count } = this.#lines(unit.die);
    const address = new BigUint64Array(1);
    const end = new Uint8Array(1);
    for (let i = 0; lines !== null && i < count; i++) {
      const line = this.#lib.dwarf_onesrcline(lines, BigInt(i));
      if (line === null) return;
      this.#lib.dwarf_lineaddr(line, new Uint8Array(address.buffer));
      this.#lib.dwarf_lineendsequence(line, end);
      yield { address: Number(address[0]), end: end[0] !== 0, ...this.#placeOf(unit, line) };
    }
  }

  #lines(die: Die): { lines: Deno.PointerValue; count: number } {
    const out = new BigUint64Array(2);
    const part = (at: number) => new Uint8Array(out.buffer, at * 8, 8);
    if (this.#lib.dwarf_getsrclines(die, part(0), part(1)) !== 0) return { lines: null, count: 0 };
    return { lines: Deno.UnsafePointer.create(out[0]!), count: Number(out[1]) };
  }

  #begin(image: Uint8Array<ArrayBuffer>): Pointer {
    const elf = this.#libelf.elf_memory(image, BigInt(image.length));
    if (elf === null) throw new LibdwError("Cannot read debug information: it is not ELF");
    this.#open.defer(() => this.#libelf.elf_end(elf));
    const dwarf = this.#lib.dwarf_begin_elf(elf, DWARF_C_READ, null);
    if (dwarf === null) throw new LibdwError("Cannot read debug information: libdw refuses it");
    this.#open.defer(() => this.#lib.dwarf_end(dwarf));
    return dwarf;
  }

  #nextUnit(offset: number, next: Uint8Array<ArrayBuffer>, size: Uint8Array<ArrayBuffer>): number {
    return this.#lib.dwarf_nextcu(this.#dwarf, BigInt(offset), next, size, null, null, null);
  }

  /** Its functions are in a .dwo file, which libdw would look for wherever the unit says. */
  #isSplit(die: Die): boolean {
    const attribute = new Uint8Array(ATTRIBUTE_BYTES);
    return this.#lib.dwarf_attr(die, DW_AT_dwo_name, attribute) !== null ||
      this.#lib.dwarf_attr(die, DW_AT_GNU_dwo_name, attribute) !== null;
  }

  /** Visits the functions of a unit, of its namespaces and its types. */
  eachFunction(unit: Die, visit: (die: Die) => void): void {
    let left = MAX_DIES;
    const walk = (parent: Die, depth: number) => {
      const die = new Uint8Array(DIE_BYTES);
      let more = this.#lib.dwarf_child(parent, die);
      for (; more === 0 && left > 0; more = this.#lib.dwarf_siblingof(die, die)) {
        left--;
        const tag = this.#lib.dwarf_tag(die);
        if (tag === DW_TAG_subprogram) visit(die);
        else if (isContainer(tag) && depth < MAX_DEPTH) walk(die, depth + 1);
      }
    };
    walk(unit, 0);
  }

  eachRange(die: Die, visit: (start: number, end: number) => void): void {
    const out = new BigUint64Array(3);
    const [base, start, end] = [0, 1, 2].map((at) => new Uint8Array(out.buffer, at * 8, 8));
    let offset = 0n;
    do {
      offset = BigInt(this.#lib.dwarf_ranges(die, offset, base!, start!, end!));
      // A function that the linker threw away is left at 0.
      if (offset > 0n && out[1]! > 0n && out[2]! <= 2n ** 48n) visit(Number(out[1]), Number(out[2]));
    } while (offset > 0n);
  }

  functionName(die: Die): string {
    const attribute = new Uint8Array(ATTRIBUTE_BYTES);
    for (const name of [DW_AT_linkage_name, DW_AT_MIPS_linkage_name]) {
      if (this.#lib.dwarf_attr_integrate(die, name, attribute) === null) continue;
      const text = this.textAt(this.#lib.dwarf_formstring(attribute));
      if (text !== "") return text;
    }
    return this.textAt(this.#lib.dwarf_diename(die));
  }

  /** Returns the line at which the function of `die` is declared; 0 when not known. */
  startLine(die: Die): number {
    const offset = this.offsetOf(die);
    let line = this.#startLines.get(offset);
    if (line === undefined) {
      line = this.#number(die, DW_AT_decl_line, { integrate: true }) ?? 0;
      this.#startLines.set(offset, line);
    }
    return line;
  }

  lineAt(unit: Unit, address: number): SourceLine {
    const line = this.#lib.dwarf_getsrc_die(unit.die, BigInt(address));
    return line === null ? { file: "", line: 0 } : this.#placeOf(unit, line);
  }

  #placeOf(unit: Unit, line: Pointer): SourceLine {
    const number = new Int32Array(1);
    this.#lib.dwarf_lineno(line, new Uint8Array(number.buffer));
    const file = this.textAt(this.#lib.dwarf_linesrc(line, null, null));
    return { file: absolute(unit, file), line: Math.max(0, number[0]!) };
  }

  callSite(unit: Unit, die: Die): SourceLine {
    const index = this.#number(die, DW_AT_call_file);
    const line = this.#number(die, DW_AT_call_line) ?? 0;
    if (index === undefined) return { file: "", line };
    const out = new BigUint64Array(2);
    const part = (at: number) => new Uint8Array(out.buffer, at * 8, 8);
    const failed = this.#lib.dwarf_getsrcfiles(unit.die, part(0), part(1)) !== 0;
    const files = Deno.UnsafePointer.create(out[0]!);
    if (failed || files === null || index >= Number(out[1])) return { file: "", line };
    const file = this.textAt(this.#lib.dwarf_filesrc(files, BigInt(index), null, null));
    return { file: absolute(unit, file), line };
  }

  #number(die: Die, name: number, { integrate = false } = {}): number | undefined {
    const attribute = new Uint8Array(ATTRIBUTE_BYTES);
    const value = new BigUint64Array(1);
    const find = integrate ? this.#lib.dwarf_attr_integrate : this.#lib.dwarf_attr;
    if (find(die, name, attribute) === null) return undefined;
    const failed = this.#lib.dwarf_formudata(attribute, new Uint8Array(value.buffer)) !== 0;
    return failed || value[0]! > 0xffffffffn ? undefined : Number(value[0]);
  }

  textAt(pointer: Deno.PointerValue): string {
    if (pointer === null) return "";
    const key = BigInt(Deno.UnsafePointer.value(pointer));
    let text = this.#text.get(key);
    if (text === undefined) {
      this.#text.set(key, text = new Deno.UnsafePointerView(pointer).getCString());
    }
    return text;
  }
}

function absolute({ folder }: Unit, file: string): string {
  return file === "" || file.startsWith("/") ? file : folder + file;
}

function isContainer(tag: number): boolean {
  return tag === DW_TAG_namespace || tag === DW_TAG_structure_type || tag === DW_TAG_class_type ||
    tag === DW_TAG_union_type || tag === DW_TAG_module;
}
