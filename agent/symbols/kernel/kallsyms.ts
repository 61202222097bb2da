// SPDX-License-Identifier: Apache-2.0
/**
 * Reads `/proc/kallsyms` and `/proc/modules` (proc(5)): functions by address, and where modules lie.
 *
 * Addresses are the low 48 bits, for a number holds 53 exactly and the 16 bits above are all ones.
 *
 * @module
 */

import { ascending } from "../../../symbols/ranges.ts";

const decoder = new TextDecoder();

const NEWLINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const UNDERSCORE = 0x5f;

/** A piece of code that the kernel made while it runs: a BPF program, a trampoline, a page for probes. */
export interface DynamicSymbol {
  /** The low 48 bits. */
  readonly address: number;
  readonly name: string;
  /** It is such as `bpf`. */
  readonly module: string;
}

/** The functions of the kernel proper and its modules, in flat arrays. */
export interface KallsymsTable {
  readonly size: number;
  readonly bytes: number;
  /** The kernel proper begins (`_text`) and ends (`_end`) here; both are 0 when it hides them. */
  readonly text: number;
  readonly end: number;
  /** Returns the last function that begins at or before `address`; `module` is "" in the kernel proper. */
  find(address: number): { address: number; name: string; module: string } | undefined;
}

/** One reading of kallsyms: what stays as long as no module comes or goes, and the rest. */
export interface Kallsyms {
  readonly table: KallsymsTable;
  readonly dynamic: readonly DynamicSymbol[];
  /** Nothing but the rest comes after this. */
  readonly last: LastFunction;
}

/** The function of the table whose line is the last of such in the file; none where `name` is "". */
export interface LastFunction {
  /** Its line begins after so many bytes. */
  readonly at: number;
  readonly address: number;
  readonly name: string;
}

/** Entries at first; a kernel has 50,000 to 150,000 functions. */
const FIRST_ENTRIES = 65_536;
const FIRST_NAME_BYTES = 2 << 20;
const LEAST_ENTRIES = 16;

/**
 * Takes the text of `/proc/kallsyms` piece by piece, so that its megabytes are never in memory as a whole.
 *
 * Lines are `address type name[\t[module]]`. Data is left out; of several names of one address the first is kept,
 * but for those that only mark a place (`_stext`, `__entry_text_start`). All addresses 0 means that the kernel hides
 * them, and gives an empty table.
 */
export class KallsymsParser {
  #address: Float64Array<ArrayBuffer>;
  #name: Uint32Array<ArrayBuffer>;
  #module: Uint16Array<ArrayBuffer>;
  #names: Uint8Array<ArrayBuffer>;
  #namesLength = 0;
  /** Lines begin after so many bytes: the next one, the one that is being added, and the last of a function of the table. */
  readonly #lineAt = { next: 0, now: 0, last: 0 };
  #size = 0;
  readonly #modules: string[] = [""];
  readonly #dynamic: DynamicSymbol[] = [];
  readonly #bounds = { _text: 0, _end: 0 };

  /** @param entries room is made for so many functions at first */
  constructor({ entries = FIRST_ENTRIES, nameBytes = FIRST_NAME_BYTES } = {}) {
    this.#address = new Float64Array(entries);
    this.#name = new Uint32Array(entries);
    this.#module = new Uint16Array(entries);
    this.#names = new Uint8Array(nameBytes);
  }

  /** Takes the whole lines of `text`, and its last line, too, where `last`. Returns how many bytes were taken. */
  add(text: Uint8Array, { last }: { last: boolean }): number {
    for (let at = 0;;) {
      let end = text.indexOf(NEWLINE, at);
      if (end < 0) {
        if (!last || at >= text.length) return at;
        end = text.length;
      }
      const next = Math.min(end + 1, text.length);
      this.#lineAt.now = this.#lineAt.next;
      this.#lineAt.next += next - at;
      this.#addLine(text, at, end);
      at = next;
    }
  }

  /** Returns what was read. The parser is not to be used after that. */
  finish(): Kallsyms {
    const table = sortedTable({
      address: this.#address,
      name: this.#name,
      module: this.#module,
      size: this.#size,
      names: this.#names.slice(0, this.#namesLength),
      modules: this.#modules,
      bounds: this.#bounds,
    });
    const i = this.#size - 1;
    const last = {
      at: this.#lineAt.last,
      address: i < 0 ? 0 : this.#address[i]!,
      name: i < 0 ? "" : decoder.decode(this.#names.subarray(this.#name[i]!, this.#namesLength - 1)),
    };
    return { table, dynamic: this.#dynamic, last };
  }

  #addLine(text: Uint8Array, at: number, end: number): void {
    const line = parseLine(text, at, end);
    if (line === undefined || line.address === 0) return;
    const { name, nameEnd, address } = line;
    const inKernel = nameEnd === end;
    if (inKernel) noteBounds(this.#bounds, text, line);
    if (!isCode(line.type)) return;
    if (!inKernel && (text[nameEnd + 2] === UNDERSCORE || isBpf(text, nameEnd + 2))) {
      const module = decoder.decode(text.subarray(nameEnd + 2, end - 1));
      // No module can be called so.
      if (module === "bpf" || module.startsWith("__builtin__")) {
        this.#dynamic.push({ address, name: decoder.decode(text.subarray(name, nameEnd)), module });
        return;
      }
    }
    if (text[name] === UNDERSCORE && isMarker(text.subarray(name, nameEnd))) return;
    const length = nameEnd - name;
    this.#reserve(length + 1);
    const i = this.#size++;
    this.#lineAt.last = this.#lineAt.now;
    this.#address[i] = address;
    this.#module[i] = inKernel ? 0 : this.#moduleIndex(decoder.decode(text.subarray(nameEnd + 2, end - 1)));
    this.#name[i] = this.#namesLength;
    for (let c = 0; c < length; c++) this.#names[this.#namesLength++] = text[name + c]!;
    this.#names[this.#namesLength++] = 0;
  }

  #reserve(bytes: number): void {
    if (this.#namesLength + bytes > this.#names.length) {
      this.#names = grown(this.#names, new Uint8Array(this.#names.length * 2 + bytes));
    }
    if (this.#size < this.#address.length) return;
    const entries = Math.max(LEAST_ENTRIES, this.#size * 2);
    this.#address = grown(this.#address, new Float64Array(entries));
    this.#name = grown(this.#name, new Uint32Array(entries));
    this.#module = grown(this.#module, new Uint16Array(entries));
  }

  #moduleIndex(name: string): number {
    const last = this.#modules.length - 1; // A module's symbols stand together.
    if (this.#modules[last] === name) return last;
    const known = this.#modules.indexOf(name);
    return known >= 0 ? known : this.#modules.push(name) - 1;
  }
}

function grown<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Parses the whole text at once. */
export function parseKallsyms(text: Uint8Array): Kallsyms {
  const parser = new KallsymsParser();
  parser.add(text, { last: true });
  return parser.finish();
}

const CHUNK_BYTES = 64 << 10;

/** Reads the file at `path`; what cannot be read is an empty one. */
export function readKallsyms(path: string): Kallsyms {
  const parser = new KallsymsParser();
  try {
    using file = Deno.openSync(path);
    readInto(parser, file);
  } catch {
    // Without /proc there is nothing to know.
  }
  return parser.finish();
}

/**
 * Reads what the kernel made while it runs, which is less than a hundredth of the file at `path`.
 *
 * @param last of an earlier reading
 * @returns `undefined` where that is not the last function any more, or the file cannot be read
 */
export function readDynamic(path: string, last: LastFunction): readonly DynamicSymbol[] | undefined {
  const parser = new KallsymsParser({ entries: 0, nameBytes: 0 });
  try {
    using file = Deno.openSync(path);
    file.seekSync(last.at, Deno.SeekMode.Start);
    readInto(parser, file);
  } catch {
    return undefined;
  }
  const { dynamic, last: { at, address, name } } = parser.finish();
  return at === 0 && address === last.address && name === last.name ? dynamic : undefined;
}

function readInto(parser: KallsymsParser, file: Deno.FsFile): void {
  const buffer = new Uint8Array(CHUNK_BYTES);
  let held = 0;
  for (;;) {
    const read = file.readSync(buffer.subarray(held));
    const text = buffer.subarray(0, held + (read ?? 0));
    // A line that fills the buffer is none of kallsyms: it ends the reading.
    if (read === null || read === 0) {
      parser.add(text, { last: true });
      return;
    }
    const taken = parser.add(text, { last: false });
    buffer.copyWithin(0, taken, text.length);
    held = text.length - taken;
  }
}

interface Parsed {
  readonly address: Float64Array;
  readonly name: Uint32Array;
  readonly module: Uint16Array;
  readonly size: number;
  readonly names: Uint8Array;
  readonly modules: readonly string[];
  readonly bounds: { readonly _text: number; readonly _end: number };
}

function sortedTable({ address, name, module, size, names, modules, bounds }: Parsed): KallsymsTable {
  const order = ascending(address.subarray(0, size));
  const [starts, nameOf, moduleOf] = [new Float64Array(size), new Uint32Array(size), new Uint16Array(size)];
  for (let to = 0; to < size; to++) {
    const from = order[to]!;
    starts[to] = address[from]!;
    nameOf[to] = name[from]!;
    moduleOf[to] = module[from]!;
  }
  // A kernel that lists no data has no _end: then its last code is the end.
  let last = 0;
  for (let i = 0; i < size; i++) if (moduleOf[i] === 0) last = starts[i]!;
  return {
    size,
    bytes: starts.byteLength + nameOf.byteLength + moduleOf.byteLength + names.byteLength,
    text: bounds._text,
    end: bounds._end || last,
    find(wanted) {
      let low = 0;
      let high = size;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (starts[middle]! <= wanted) low = middle + 1;
        else high = middle;
      }
      if (low === 0) return undefined;
      let at = low - 1;
      while (at > 0 && starts[at - 1] === starts[at]) at--; // The first of equal ones.
      const from = nameOf[at]!;
      return {
        address: starts[at]!,
        name: decoder.decode(names.subarray(from, names.indexOf(0, from))),
        module: modules[moduleOf[at]!]!,
      };
    },
  };
}

interface Line {
  /** The low 48 bits. */
  readonly address: number;
  readonly type: number;
  readonly name: number;
  readonly nameEnd: number;
}

function parseLine(text: Uint8Array, from: number, to: number): Line | undefined {
  const space = text.indexOf(SPACE, from);
  if (space < 0 || space + 3 > to || text[space + 2] !== SPACE) return undefined;
  let address = 0;
  for (let i = Math.max(from, space - 12); i < space; i++) {
    const c = text[i]!;
    address = address * 16 + (c <= 0x39 ? c - 0x30 : c - 0x57);
  }
  const name = space + 3;
  let nameEnd = name;
  while (nameEnd < to && text[nameEnd] !== TAB) nameEnd++;
  return { address, type: text[space + 1]!, name, nameEnd };
}

/** Tells whether a type is t, T, w or W: text, local and global, and weak. */
function isCode(type: number): boolean {
  const lower = type | 0x20;
  return lower === 0x74 || lower === 0x77;
}

/** Names that mark where a part of the kernel begins and share the address of its first function. */
function isMarker(symbol: Uint8Array): boolean {
  return /^_(text|stext|etext|end|sinittext|einittext)$|^__pi__text$|_text_(start|end)$/.test(
    decoder.decode(symbol),
  );
}

function noteBounds(bounds: { _text: number; _end: number }, text: Uint8Array, line: Line): void {
  if (text[line.name] !== UNDERSCORE || line.nameEnd - line.name > 5) return;
  const name = decoder.decode(text.subarray(line.name, line.nameEnd));
  if (name === "_text" || name === "_end") bounds[name] = line.address;
}

/** Returns whether `bpf]` stands at `at`. */
function isBpf(text: Uint8Array, at: number): boolean {
  return text[at] === 0x62 && text[at + 1] === 0x70 && text[at + 2] === 0x66 && text[at + 3] === 0x5d;
}

/** A module's code lies here, by the low 48 bits of its addresses. */
export interface ModuleExtent {
  readonly start: number;
  readonly end: number;
}

/** Reads the lines `name size refs users state 0xaddress` of `/proc/modules`, by name; hidden ones are left out. */
export function parseModules(text: string): Map<string, ModuleExtent> {
  const modules = new Map<string, ModuleExtent>();
  for (const line of text.split("\n")) {
    const [name, size, , , , address] = line.split(" ");
    const start = address?.startsWith("0x") ? parseInt(address.slice(-12), 16) : 0;
    if (name && start > 0) modules.set(name, { start, end: start + (Number(size) || 0) });
  }
  return modules;
}
