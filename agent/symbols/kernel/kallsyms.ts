/**
 * Reads `/proc/kallsyms` and `/proc/modules` (proc(5)): functions by address, and where modules lie.
 *
 * Addresses are the low 48 bits, for a number holds 53 exactly and the 16 bits above are all ones.
 *
 * @module
 */

import { ascending } from "../ranges.ts";

const decoder = new TextDecoder();

const NEWLINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

/** The functions of one reading of kallsyms, in flat arrays. */
export interface KallsymsTable {
  readonly size: number;
  readonly bytes: number;
  /** The kernel proper begins (`_text`) and ends (`_end`) here; both are 0 when it hides them. */
  readonly text: number;
  readonly end: number;
  /** Returns the last function that begins at or before `address`; `module` is "" in the kernel proper. */
  find(address: number): { address: number; name: string; module: string } | undefined;
}

/**
 * Parses `address type name[\t[module]]` lines. Data is left out; of several names of one address the first
 * is kept, but for those that only mark a place (`_stext`, `__entry_text_start`). All addresses 0 means
 * that the kernel hides them, and gives an empty table.
 */
export function parseKallsyms(text: Uint8Array): KallsymsTable {
  const lines = countLines(text);
  const address = new Float64Array(lines);
  const name = new Uint32Array(lines);
  const module = new Uint16Array(lines);
  const modules: string[] = [""];
  const bounds = { _text: 0, _end: 0 };
  const names = new Uint8Array(text.length);
  let namesLength = 0;
  let size = 0;
  for (let at = 0; at < text.length;) {
    let end = text.indexOf(NEWLINE, at);
    if (end < 0) end = text.length;
    const line = parseLine(text, at, end);
    at = end + 1;
    if (line === undefined || line.address === 0) continue;
    const symbol = text.subarray(line.name, line.nameEnd);
    if (line.nameEnd === end) noteBounds(bounds, symbol, line.address);
    if (!isCode(line.type) || isMarker(symbol)) continue;
    address[size] = line.address;
    module[size] = line.nameEnd === end
      ? 0
      : moduleIndex(modules, decoder.decode(text.subarray(line.nameEnd + 2, end - 1)));
    name[size++] = namesLength;
    names.set(symbol, namesLength);
    namesLength += symbol.length + 1;
  }
  return sortedTable({ address, name, module, size, names: names.slice(0, namesLength), modules, bounds });
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
  const starts = Float64Array.from(order, (i) => address[i]!);
  const nameOf = Uint32Array.from(order, (i) => name[i]!);
  const moduleOf = Uint16Array.from(order, (i) => module[i]!);
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
  if (symbol[0] !== 0x5f) return false;
  return /^_(text|stext|etext|end|sinittext|einittext)$|^__pi__text$|_text_(start|end)$/.test(
    decoder.decode(symbol),
  );
}

function noteBounds(bounds: { _text: number; _end: number }, symbol: Uint8Array, address: number): void {
  if (symbol[0] !== 0x5f || symbol.length > 5) return;
  const name = decoder.decode(symbol);
  if (name === "_text" || name === "_end") bounds[name] = address;
}

function moduleIndex(modules: string[], name: string): number {
  const last = modules.length - 1; // A module's symbols stand together.
  if (modules[last] === name) return last;
  const known = modules.indexOf(name);
  return known >= 0 ? known : modules.push(name) - 1;
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

function countLines(text: Uint8Array): number {
  let lines = 1;
  for (let at = text.indexOf(NEWLINE); at >= 0; at = text.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}
