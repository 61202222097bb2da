// SPDX-License-Identifier: Apache-2.0
/**
 * Functions, files and lines of addresses, from DWARF, by libdw.
 *
 * libdw's own way from an address to its functions walks a whole compilation unit for each address. Here the
 * units and their functions are put into tables of ranges once, so that only the inside of one function is walked.
 *
 * @module
 */

import { RangeTable } from "../ranges.ts";
import { LIBDW_DWARF, LIBELF_MEMORY } from "./dwarf_ffi.ts";
import { LibdwError } from "./libdw.ts";

const EV_CURRENT = 1;
const DWARF_C_READ = 0;
const DIE_BYTES = 32;
const ATTRIBUTE_BYTES = 24;
const DW_TAG_class_type = 0x02;
const DW_TAG_compile_unit = 0x11;
const DW_TAG_structure_type = 0x13;
const DW_TAG_union_type = 0x17;
const DW_TAG_inlined_subroutine = 0x1d;
const DW_TAG_module = 0x1e;
const DW_TAG_subprogram = 0x2e;
const DW_TAG_namespace = 0x39;
const DW_AT_comp_dir = 0x1b;
const DW_AT_call_file = 0x58;
const DW_AT_call_line = 0x59;
const DW_AT_linkage_name = 0x6e;
const DW_AT_dwo_name = 0x76;
const DW_AT_MIPS_linkage_name = 0x2007;
const DW_AT_GNU_dwo_name = 0x2130;
/** Scopes of scopes: a function is in few, a made-up file may nest them for ever. */
const MAX_DEPTH = 256;
/** One unit has no more; others are not looked at. */
const MAX_DIES = 2_000_000;
/** Libdw keeps about this for one row of a line table. */
const LINE_BYTES = 40;

/** One function at an address, as the debug information has it. */
export interface SourceFrame {
  /** It is mangled where it is known so; "" when the information has no name. */
  readonly function: string;
  /** It is "" when not known. */
  readonly file: string;
  /** It is 0 when not known. */
  readonly line: number;
}

type Pointer = Deno.PointerObject;
type Die = Uint8Array<ArrayBuffer>;

interface Unit {
  readonly die: Die;
  /** The folder in which it was compiled, with a slash behind; "" when that is not an absolute path. */
  readonly folder: string;
  /** The names of its functions, by the index in `offsets`. */
  readonly ranges: RangeTable;
  readonly offsets: readonly number[];
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

/** The debug information of one file, in memory. */
export class DebugInfo implements Disposable {
  readonly #lib: Dwarf["dw"];
  readonly #libelf: Dwarf["elf"];
  readonly #open = new DisposableStack();
  readonly #dwarf: Pointer;
  /** Libelf points into these, which must therefore not be collected. */
  readonly #images: readonly Uint8Array[];
  readonly #units: RangeTable;
  readonly #unitOffsets: number[] = [];
  readonly #unitOf = new Map<number, Unit>();
  readonly #text = new Map<bigint, string>();
  #bytes: number;

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
      this.#units = this.#indexUnits();
    } catch (error) {
      this.#open.dispose();
      throw error;
    }
    this.#bytes = this.#units.bytes;
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
    this.#unitOf.clear();
    this.#text.clear();
  }

  /** Returns about how many bytes were built from the images, which are not counted themselves. */
  get bytes(): number {
    return this.#bytes + this.#text.size * 100;
  }

  get imageBytes(): number {
    return this.#images.reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * Returns the functions at `address` as the file counts, the innermost inlined one first, the one that is really
   * there last. The file and line of each are where it was: of the first the line of the instruction, of the
   * others that of the call that was inlined.
   *
   * @returns none where the information says nothing about the address
   */
  frames(address: number): SourceFrame[] {
    const at = this.#units.find(address);
    if (at < 0) return [];
    const unit = this.#unit(this.#unitOffsets[at]!);
    const scopes = this.#scopes(unit, address);
    let place = this.#lineAt(unit, address);
    const frames: SourceFrame[] = [];
    for (const die of scopes.reverse()) {
      frames.push({ function: this.#functionName(die), ...place });
      place = this.#callSite(unit, die);
    }
    return frames.length > 0 ? frames : [{ function: "", ...place }];
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

  /** Finds where the code of each unit lies. `.debug_aranges` would say so too, but not every compiler writes it. */
  #indexUnits(): RangeTable {
    const ranges = { start: [] as number[], end: [] as number[] };
    const next = new BigUint64Array(2);
    const die = new Uint8Array(DIE_BYTES);
    const part = (at: number) => new Uint8Array(next.buffer, at * 8, 8);
    for (let offset = 0; this.#nextUnit(offset, part(0), part(1)) === 0;) {
      const dieOffset = offset + Number(next[1]);
      if (Number(next[0]) <= offset) break;
      offset = Number(next[0]);
      if (this.#lib.dwarf_offdie(this.#dwarf, BigInt(dieOffset), die) === null) continue;
      if (this.#lib.dwarf_tag(die) !== DW_TAG_compile_unit || this.#isSplit(die)) continue;
      this.#eachRange(die, (start, end) => {
        ranges.start.push(start);
        ranges.end.push(end);
        this.#unitOffsets.push(dieOffset);
      });
    }
    return RangeTable.build({ ...ranges, rank: new Uint8Array(ranges.start.length) });
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

  #unit(offset: number): Unit {
    let unit = this.#unitOf.get(offset);
    if (unit === undefined) {
      this.#unitOf.set(offset, unit = this.#readUnit(offset));
      this.#bytes += unit.ranges.bytes + unit.offsets.length * 8 + 256;
    }
    return unit;
  }

  #readUnit(offset: number): Unit {
    const die = new Uint8Array(DIE_BYTES);
    this.#lib.dwarf_offdie(this.#dwarf, BigInt(offset), die);
    const ranges = { start: [] as number[], end: [] as number[] };
    const offsets: number[] = [];
    this.#eachFunction(die, (fn) => {
      const at = Number(this.#lib.dwarf_dieoffset(fn));
      this.#eachRange(fn, (start, end) => {
        ranges.start.push(start);
        ranges.end.push(end);
        offsets.push(at);
      });
    });
    const lines = new BigUint64Array(2);
    const part = (at: number) => new Uint8Array(lines.buffer, at * 8, 8);
    this.#lib.dwarf_getsrclines(die, part(0), part(1));
    this.#bytes += Number(lines[1]) * LINE_BYTES;
    const attribute = new Uint8Array(ATTRIBUTE_BYTES);
    const known = this.#lib.dwarf_attr(die, DW_AT_comp_dir, attribute) !== null;
    const folder = known ? this.#textAt(this.#lib.dwarf_formstring(attribute)) : "";
    return {
      die,
      folder: folder.startsWith("/") ? `${folder}/` : "",
      ranges: RangeTable.build({ ...ranges, rank: new Uint8Array(offsets.length) }),
      offsets,
    };
  }

  /** Visits the functions of a unit, of its namespaces and its types. */
  #eachFunction(unit: Die, visit: (die: Die) => void): void {
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

  #eachRange(die: Die, visit: (start: number, end: number) => void): void {
    const out = new BigUint64Array(3);
    const [base, start, end] = [0, 1, 2].map((at) => new Uint8Array(out.buffer, at * 8, 8));
    let offset = 0n;
    do {
      offset = BigInt(this.#lib.dwarf_ranges(die, offset, base!, start!, end!));
      // A function that the linker threw away is left at 0.
      if (offset > 0n && out[1]! > 0n && out[2]! <= 2n ** 48n) visit(Number(out[1]), Number(out[2]));
    } while (offset > 0n);
  }

  /** Returns the function that is at `address` and those that are inlined there, outermost first. */
  #scopes(unit: Unit, address: number): Die[] {
    const item = unit.ranges.find(address);
    if (item < 0) return [];
    const fn = new Uint8Array(DIE_BYTES);
    if (this.#lib.dwarf_offdie(this.#dwarf, BigInt(unit.offsets[item]!), fn) === null) return [];
    const scopes = [fn];
    let scope: Die | undefined = fn;
    for (let depth = 0; scope !== undefined && depth < MAX_DEPTH; depth++) {
      scope = this.#childAt(scope, address);
      if (scope && this.#lib.dwarf_tag(scope) === DW_TAG_inlined_subroutine) scopes.push(scope);
    }
    return scopes;
  }

  #childAt(parent: Die, address: number): Die | undefined {
    const die = new Uint8Array(DIE_BYTES);
    const pc = BigInt(address);
    let left = MAX_DIES;
    let more = this.#lib.dwarf_child(parent, die);
    for (; more === 0 && left-- > 0; more = this.#lib.dwarf_siblingof(die, die)) {
      if (this.#lib.dwarf_haspc(die, pc) === 1) return die;
    }
    return undefined;
  }

  #functionName(die: Die): string {
    const attribute = new Uint8Array(ATTRIBUTE_BYTES);
    for (const name of [DW_AT_linkage_name, DW_AT_MIPS_linkage_name]) {
      if (this.#lib.dwarf_attr_integrate(die, name, attribute) === null) continue;
      const text = this.#textAt(this.#lib.dwarf_formstring(attribute));
      if (text !== "") return text;
    }
    return this.#textAt(this.#lib.dwarf_diename(die));
  }

  #lineAt(unit: Unit, address: number): { file: string; line: number } {
    const line = this.#lib.dwarf_getsrc_die(unit.die, BigInt(address));
    if (line === null) return { file: "", line: 0 };
    const number = new Int32Array(1);
    this.#lib.dwarf_lineno(line, new Uint8Array(number.buffer));
    const file = this.#textAt(this.#lib.dwarf_linesrc(line, null, null));
    return { file: absolute(unit, file), line: Math.max(0, number[0]!) };
  }

  #callSite(unit: Unit, die: Die): { file: string; line: number } {
    const index = this.#number(die, DW_AT_call_file);
    const line = this.#number(die, DW_AT_call_line) ?? 0;
    if (index === undefined) return { file: "", line };
    const out = new BigUint64Array(2);
    const part = (at: number) => new Uint8Array(out.buffer, at * 8, 8);
    const failed = this.#lib.dwarf_getsrcfiles(unit.die, part(0), part(1)) !== 0;
    const files = Deno.UnsafePointer.create(out[0]!);
    if (failed || files === null || index >= Number(out[1])) return { file: "", line };
    const file = this.#textAt(this.#lib.dwarf_filesrc(files, BigInt(index), null, null));
    return { file: absolute(unit, file), line };
  }

  #number(die: Die, name: number): number | undefined {
    const attribute = new Uint8Array(ATTRIBUTE_BYTES);
    const value = new BigUint64Array(1);
    if (this.#lib.dwarf_attr(die, name, attribute) === null) return undefined;
    const failed = this.#lib.dwarf_formudata(attribute, new Uint8Array(value.buffer)) !== 0;
    return failed || value[0]! > 0xffffffffn ? undefined : Number(value[0]);
  }

  #textAt(pointer: Deno.PointerValue): string {
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
