// SPDX-License-Identifier: Apache-2.0
/**
 * Go's line table: which function is at an address, with the functions that were inlined there, files and lines, and
 * how far the stack pointer is from the caller's.
 *
 * The runtime itself goes by it for tracebacks, so each Go program has it, stripped or not. Format: `.gopclntab` of
 * Go 1.16 to 1.27 (`internal/abi/symtab.go`, `runtime/symtab.go`, `runtime/symtabinl.go`).
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { type ElfInfo, readElf } from "../../symbols/elf/elf.ts";
import { u64 } from "../../common/u64.ts";
import { BlockReader } from "./block_reader.ts";
import { findGoTables, GO_1_16, GO_1_20, type GoTables } from "./module_data.ts";

/** One function at one line of the source. */
export interface GoFrame {
  readonly function: string;
  /** It is "" where the program does not say. */
  readonly file: string;
  /** It is 0 where the program does not say. */
  readonly line: number;
  /** The function begins at this line of its file; 0 before Go 1.20. */
  readonly startLine: number;
}

/** A function's code, and how far its caller's frame is at each address of it. */
export interface GoFunction {
  readonly address: number;
  readonly end: number;
  readonly name: string;
  /**
   * Holds, for each run of addresses that begins at `address`, the bytes from the stack pointer to the return address.
   */
  readonly depths: readonly { readonly address: number; readonly bytes: number }[];
  /** Nobody called it: what looks like its return address is none. */
  readonly outermost: boolean;
}

/** A program with more functions is not read. */
const MAX_FUNCTIONS = 1 << 22;
const MAX_NAME_BYTES = 1024;
const MAX_INLINED = 64;
/** Bytes of the table of one function's values; the longest known has some 100 KiB. */
const MAX_VALUE_BYTES = 1 << 18;
/** Tables of values by index: `PCDATA_InlTreeIndex`; data of functions by index: `FUNCDATA_InlTree`. */
const INLINE_INDEX = 2;
const INLINE_TREE = 3;
const NONE = 0xffffffff;
/** `FuncFlagTopFrame`, since Go 1.17; before, these are known by their names. */
const TOP_FRAME = 1;
const TOP_FRAMES = ["runtime.goexit", "runtime.mstart", "runtime.rt0_go"];
/** They are called by the kernel, which leaves a way back to what the signal interrupted. */
const SIGNAL_HANDLERS = ["runtime.sigtramp", "runtime.cgoSigtramp"];
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Offsets of the line table's parts in it. */
interface Header {
  readonly names: number;
  readonly units: number;
  readonly files: number;
  readonly values: number;
  readonly functions: number;
}

/** Holds the offset of each field of a function's entry that is needed. */
interface Layout {
  readonly name: number;
  readonly depths: number;
  readonly file: number;
  readonly line: number;
  readonly tables: number;
  readonly unit: number;
  /** The line where the function begins is here; `undefined` where it is not told. */
  readonly startLine: number | undefined;
  readonly flags: number;
  readonly dataCount: number;
  readonly end: number;
}

const LAYOUT_1_16: Layout = {
  ...{ name: 8, depths: 20, file: 24, line: 28, tables: 32, unit: 36 },
  ...{ startLine: undefined, flags: 41, dataCount: 43, end: 44 },
};
const LAYOUT_1_18: Layout = {
  ...{ name: 4, depths: 16, file: 20, line: 24, tables: 28, unit: 32 },
  ...{ startLine: undefined, flags: 37, dataCount: 39, end: 40 },
};
const LAYOUT_1_20: Layout = { ...LAYOUT_1_18, startLine: 36, flags: 41, dataCount: 43, end: 44 };

/** The line table of one file. It keeps where functions begin, and reads the rest out of the file when it is asked. */
export class GoLineTable {
  readonly #tables: GoTables;
  readonly #header: Header;
  readonly #layout: Layout;
  /** It counts from the start of the code. */
  readonly #begin: Float64Array;
  /** Each function's entry is here, from the start of the entries. */
  readonly #entry: Uint32Array;
  readonly #quantum: number;

  private constructor(
    tables: GoTables,
    { header, begin, entry, quantum }: {
      header: Header;
      begin: Float64Array;
      entry: Uint32Array;
      quantum: number;
    },
  ) {
    this.#tables = tables;
    this.#header = header;
    this.#layout = tables.form === GO_1_16
      ? LAYOUT_1_16
      : tables.form === GO_1_20
      ? LAYOUT_1_20
      : LAYOUT_1_18;
    this.#begin = begin;
    this.#entry = entry;
    this.#quantum = quantum;
  }

  /**
   * Reads where functions begin: 12 bytes of memory for each.
   *
   * @returns `undefined` where the file is no Go program, or its table makes no sense
   * @throws {ElfError} when the file is not ELF
   */
  static read(source: ByteSource, elf: ElfInfo = readElf(source)): GoLineTable | undefined {
    const tables = findGoTables(source, elf);
    if (tables === undefined) return undefined;
    const table = new BlockReader(source, tables.offset, tables.size);
    const old = tables.form === GO_1_16;
    const [names, units, files, values, functions] = [0, 8, 16, 24, 32].map((at) =>
      table.u64((old ? 24 : 32) + at)
    );
    const header = {
      ...{ names: names!, units: units!, files: files! },
      ...{ values: values!, functions: functions! },
    };
    const count = table.u64(8);
    // The end of the last function stands behind its entry.
    const field = old ? 8 : 4;
    const length = (2 * count + 1) * field;
    if (count === 0 || count > MAX_FUNCTIONS || header.functions + length > tables.size) return undefined;
    const bytes = source.read(tables.offset + header.functions, length);
    if (bytes.length < length) return undefined;
    const begin = new Float64Array(count + 1);
    const entry = new Uint32Array(count);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i <= count; i++) {
      const at = i * 2 * field;
      begin[i] = old
        ? (tables.relocatedAt(tables.address + header.functions + at) ?? u64(view, at)) - tables.text
        : view.getUint32(at, true);
      if (i < count) entry[i] = view.getUint32(at + field, true);
      if (begin[i]! < (begin[i - 1] ?? 0)) return undefined;
    }
    return new GoLineTable(tables, { header, begin, entry, quantum: Math.max(1, table.u8(6)) });
  }

  /** Returns the bytes that it holds in memory. */
  get bytes(): number {
    return this.#begin.byteLength + this.#entry.byteLength;
  }

  /** Returns how many functions there are. */
  get size(): number {
    return this.#entry.length;
  }

  /**
   * Returns the functions at `address`, as the program headers count: the innermost inlined one first. None where no
   * function is.
   *
   * @param source the same file
   */
  frames(source: ByteSource, address: number): GoFrame[] {
    const index = this.#find(address);
    if (index < 0) return [];
    const entry = this.#open(source, index);
    const frames: GoFrame[] = [];
    let pc = address - entry.address;
    for (let inlined; frames.length < MAX_INLINED && (inlined = this.#inlinedAt(entry, pc));) {
      const { name, startLine, caller } = inlined;
      frames.push({ function: this.#name(entry, name), ...this.#place(entry, pc), startLine });
      pc = caller;
    }
    const { name, startLine } = this.#layout;
    frames.push({
      function: this.#name(entry, entry.table.i32(entry.at + name)),
      ...this.#place(entry, pc),
      startLine: startLine === undefined ? 0 : entry.table.i32(entry.at + startLine),
    });
    return frames;
  }

  /**
   * Returns the functions of a name among the first `most` that have code. Nothing but their names is read of the others:
   * the tables of all functions of a program that was made to that end are without measure.
   */
  named(source: ByteSource, name: string, most: number): GoFunction[] {
    const found: GoFunction[] = [];
    const wanted = encoder.encode(`${name}\0`);
    const table = new BlockReader(source, this.#tables.offset, this.#tables.size);
    const end = Math.min(this.size, most);
    for (let index = 0; index < end; index++) {
      if (this.#begin[index] === this.#begin[index + 1]) continue;
      const at = table.i32(this.#header.functions + this.#entry[index]! + this.#layout.name);
      const from = this.#header.names + at;
      if (wanted.every((byte, i) => table.u8(from + i) === byte)) {
        found.push(this.#function(source, index, table));
      }
    }
    return found;
  }

  /** Returns the function at `address`, without those that are inlined in it. */
  functionAt(source: ByteSource, address: number): GoFunction | undefined {
    const index = this.#find(address);
    return index < 0 ? undefined : this.#function(source, index);
  }

  /** The functions that have code from `from` on and before `to`, by address. */
  *functions(source: ByteSource, from = 0, to = Infinity): Generator<GoFunction> {
    const { address, size } = this.code;
    const table = new BlockReader(source, this.#tables.offset, this.#tables.size);
    const end = Math.min(to, address + size) - this.#tables.text;
    const first = Math.max(0, this.#find(Math.max(from, address)));
    if (from >= address + size) return;
    for (let index = first; index < this.size && this.#begin[index]! < end; index++) {
      yield this.#function(source, index, table);
    }
  }

  /** Returns the code that Go's compiler and assembler made, as the program headers count. */
  get code(): { readonly address: number; readonly size: number } {
    return {
      address: this.#tables.text + this.#begin[0]!,
      size: this.#begin[this.size]! - this.#begin[0]!,
    };
  }

  /** Returns the file's bytes of `fn`, at most `max`. */
  codeOf(source: ByteSource, { address, end }: GoFunction, max: number): Uint8Array<ArrayBuffer> {
    const offset = this.#tables.offsetOf(address);
    return offset === undefined ? new Uint8Array(0) : source.read(offset, Math.min(max, end - address));
  }

  #function(source: ByteSource, index: number, table?: BlockReader): GoFunction {
    const entry = this.#open(source, index, table);
    const { address, end } = entry;
    const depths: { address: number; bytes: number }[] = [];
    this.#eachValue(entry, entry.table.u32(entry.at + this.#layout.depths), (from, _to, bytes) => {
      depths.push({ address: address + from, bytes });
      return false;
    });
    const name = this.#name(entry, entry.table.i32(entry.at + this.#layout.name));
    const flags = entry.table.u8(entry.at + this.#layout.flags);
    const top = (flags & TOP_FRAME) !== 0 || TOP_FRAMES.includes(name);
    return { address, end, name, depths, outermost: top && !SIGNAL_HANDLERS.includes(name) };
  }

  /** Returns the index of the function at `address`; -1 for none. */
  #find(address: number): number {
    const pc = address - this.#tables.text;
    let [low, high] = [0, this.size];
    if (!(pc >= this.#begin[0]! && pc < this.#begin[high]!)) return -1;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#begin[middle]! <= pc) low = middle;
      else high = middle;
    }
    return low;
  }

  #open(
    source: ByteSource,
    index: number,
    table = new BlockReader(source, this.#tables.offset, this.#tables.size),
  ): Entry {
    const { text } = this.#tables;
    const at = this.#header.functions + this.#entry[index]!;
    return {
      ...{ source, table, at },
      ...{ address: text + this.#begin[index]!, end: text + this.#begin[index + 1]! },
    };
  }

  /**
   * Returns the function that was inlined at `pc` bytes into its caller's code, and where in that code it is called.
   */
  #inlinedAt(entry: Entry, pc: number): { name: number; startLine: number; caller: number } | undefined {
    const index = this.#valueAt(entry, this.#tableOf(entry, INLINE_INDEX), pc);
    const tree = this.#dataOf(entry, INLINE_TREE);
    if (index === undefined || index < 0 || index >= 1 << 16 || tree === undefined) return undefined;
    const short = this.#tables.form === GO_1_20;
    const node = new BlockReader(entry.source, tree + index * (short ? 16 : 20), short ? 16 : 20);
    const caller = node.i32(short ? 8 : 16);
    if (caller < 0 || caller >= entry.end - entry.address) return undefined;
    return { name: node.i32(short ? 4 : 12), startLine: short ? node.i32(12) : 0, caller };
  }

  #place(entry: Entry, pc: number): { file: string; line: number } {
    const { table, at } = entry;
    const line = this.#valueAt(entry, table.u32(at + this.#layout.line), pc) ?? 0;
    const number = this.#valueAt(entry, table.u32(at + this.#layout.file), pc);
    if (number === undefined || number < 0) return { file: "", line: 0 };
    const file = table.u32(this.#header.units + 4 * (table.u32(at + this.#layout.unit) + number));
    if (file === NONE) return { file: "", line: 0 };
    return { file: decoder.decode(table.text(this.#header.files + file, MAX_NAME_BYTES)), line };
  }

  #name({ table }: Entry, at: number): string {
    return decoder.decode(table.text(this.#header.names + at, MAX_NAME_BYTES));
  }

  /** Returns the offset of a function's table of values; 0 where it has none. */
  #tableOf({ table, at }: Entry, index: number): number {
    return index < table.u32(at + this.#layout.tables) ? table.u32(at + this.#layout.end + 4 * index) : 0;
  }

  /** Returns the file offset of a function's data; `undefined` where it has none. */
  #dataOf({ table, at }: Entry, index: number): number | undefined {
    if (index >= table.u8(at + this.#layout.dataCount)) return undefined;
    const from = at + this.#layout.end + 4 * Math.min(table.u32(at + this.#layout.tables), 1 << 16);
    if (this.#tables.form === GO_1_16) {
      // Pointers, at a multiple of 8.
      const pointer = this.#tables.pointerAt(this.#tables.address + Math.ceil(from / 8) * 8 + 8 * index);
      return pointer === undefined ? undefined : this.#tables.offsetOf(pointer);
    }
    const offset = table.u32(from + 4 * index);
    const { functionData } = this.#tables;
    return offset === NONE || functionData === undefined ? undefined : functionData + offset;
  }

  /** Returns the value at `pc` bytes into the function; `undefined` where there is none. */
  #valueAt(entry: Entry, values: number, pc: number): number | undefined {
    let found: number | undefined;
    this.#eachValue(entry, values, (from, to, value) => {
      if (pc >= from && pc < to) found = value;
      return pc < to;
    });
    return found;
  }

  /**
   * Visits the runs of a table of values: pairs of what is added to the value (zigzag) and to the address, as LEB128
   * numbers, up to a value's 0; the value begins at -1.
   */
  #eachValue(
    { table, address, end }: Entry,
    values: number,
    visit: (from: number, to: number, value: number) => boolean,
  ): void {
    if (values === 0) return;
    const start = this.#header.values + values;
    let [at, value, pc] = [start, -1, 0];
    const next = () => {
      let [number, shift] = [0, 0];
      for (let byte = 128; byte & 128 && shift < 35; shift += 7) {
        byte = table.u8(at++);
        number |= (byte & 127) << shift;
      }
      return number >>> 0;
    };
    while (at - start < MAX_VALUE_BYTES && pc < end - address) {
      const delta = next();
      if (delta === 0 && pc > 0) return;
      value += delta & 1 ? ~(delta >>> 1) : delta >>> 1;
      const to = pc + next() * this.#quantum;
      if (to <= pc || visit(pc, to, value)) return;
      pc = to;
    }
  }
}

/** One function of a file that is open. */
interface Entry {
  readonly source: ByteSource;
  readonly table: BlockReader;
  /** The function's entry is here in the line table. */
  readonly at: number;
  readonly address: number;
  readonly end: number;
}
