// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a profile of pprof, from any tool, as a tree to compare with: https://github.com/google/pprof/blob/main/proto/profile.proto
 *
 * @module
 */

import { ALL } from "../../../profile/flame.ts";
import type { Total } from "../../../profile/model.ts";
import { perSecondOf } from "../parts/format.ts";
import type { Tree } from "./tree.ts";

/** Is more than any tool writes, and less than a browser has. */
const MAX_BYTES = 256 * 2 ** 20;

export interface ReadProfile {
  readonly tree: Tree;
  readonly total: Total;
  /** Is how long was measured, in seconds; 0 where the file does not say. */
  readonly seconds: number;
  /** Is what is counted: `cpu`, `samples`. */
  readonly type: string;
}

/** Returns the bytes of a file, unpacked where it is packed by gzip. @throws {RangeError} when they are too many */
export async function unpack(file: Blob): Promise<Uint8Array> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const isPacked = head[0] === 0x1f && head[1] === 0x8b;
  const stream = isPacked ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (const reader = stream.getReader();;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_BYTES) {
      await reader.cancel();
      throw new RangeError(`Cannot read a profile of more than ${MAX_BYTES} bytes`);
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * Reads one type of value of a profile: `wanted` where it has that, else the last, which is what tools show first, with
 * times in ns.
 *
 * @throws {RangeError} when the bytes are no profile
 */
export function readPprof(
  bytes: Uint8Array,
  wanted?: { readonly type: string; readonly unit: string },
): ReadProfile {
  const strings: string[] = [];
  const types: { type: number; unit: number }[] = [];
  const samples: { locations: number[]; values: number[] }[] = [];
  const locations = new Map<number, { mapping: number; functions: number[]; address: number }>();
  const functions = new Map<number, number>();
  const mappings = new Map<number, number>();
  let nanoseconds = 0;
  const text = new TextDecoder();
  for (const { field, number, bytes: part } of fields(bytes)) {
    if (field === 6) strings.push(text.decode(part));
    else if (field === 10) nanoseconds = number;
    else if (field === 1) types.push({ type: first(part, 1), unit: first(part, 2) });
    else if (field === 2) samples.push({ locations: repeated(part, 1), values: repeated(part, 2) });
    else if (field === 3) mappings.set(first(part, 1), first(part, 5));
    else if (field === 5) functions.set(first(part, 1), first(part, 2));
    else if (field === 4) {
      const lines = [...fields(part)].filter((each) => each.field === 4).map((line) => first(line.bytes, 1));
      locations.set(first(part, 1), { mapping: first(part, 2), address: first(part, 3), functions: lines });
    }
  }
  if (types.length === 0) {
    throw new RangeError("Cannot read a profile as it says no type of values: is it pprof?");
  }
  const found = types.findIndex(({ type, unit }) =>
    wanted !== undefined && strings[type] === wanted.type && strings[unit] === wanted.unit
  );
  const column = found < 0 ? types.length - 1 : found;
  const unit = strings[types[column]!.unit] ?? "";
  const scale = found < 0 ? 1e9 / (perSecondOf(unit) ?? 1e9) : 1;
  const root: Node = { name: ALL, module: "", value: 0, self: 0, children: [], known: new Map() };
  let count = 0;
  for (const { locations: stack, values } of samples) {
    const value = (values[column] ?? 0) * scale;
    count += column > 0 ? values[0] ?? 0 : value;
    let at = root;
    at.value += value;
    for (const id of stack.toReversed()) {
      const place = locations.get(id);
      const module = strings[mappings.get(place?.mapping ?? 0) ?? 0] || "[unknown]";
      const names = (place?.functions ?? []).map((fn) => strings[functions.get(fn) ?? 0] || "[unknown]");
      if (names.length === 0) names.push(`0x${(place?.address ?? 0).toString(16)}`);
      for (const name of names.toReversed()) {
        at = childOf(at, name, module);
        at.value += value;
      }
    }
    at.self += value;
  }
  return {
    tree: root,
    total: { value: root.value, count },
    seconds: nanoseconds / 1e9,
    type: strings[types[column]!.type] ?? "",
  };
}

interface Node extends Tree {
  readonly known: Map<string, Node>;
}

function childOf(node: Node, name: string, module: string): Node {
  const key = `${name}\0${module}`;
  let child = node.known.get(key);
  if (!child) {
    child = { name, module, value: 0, self: 0, children: [], known: new Map() };
    node.known.set(key, child);
    node.children.push(child);
  }
  return child;
}

interface Field {
  readonly field: number;
  /** Is the value of a number; 0 of bytes. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array();

function* fields(bytes: Uint8Array): Generator<Field> {
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const tag = varint(reader);
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) yield { field, number: varint(reader), bytes: NO_BYTES };
    else if (wire === 2) {
      const length = varint(reader);
      const end = reader.at + length;
      if (end > bytes.length) throw broken();
      yield { field, number: 0, bytes: bytes.subarray(reader.at, end) };
      reader.at = end;
    } else if (wire === 1 || wire === 5) reader.at += wire === 1 ? 8 : 4;
    else throw broken();
  }
}

/** Reads a number of up to 64 bits; those beyond 2^53 lose their last digits, as names they are still told apart. */
function varint(reader: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined) throw broken();
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw broken();
}

function first(bytes: Uint8Array, field: number): number {
  for (const each of fields(bytes)) if (each.field === field) return each.number;
  return 0;
}

/** Returns the numbers of a field, packed or not. */
function repeated(bytes: Uint8Array, field: number): number[] {
  const numbers: number[] = [];
  for (const each of fields(bytes)) {
    if (each.field !== field) continue;
    if (each.bytes === NO_BYTES) numbers.push(each.number);
    const reader = { bytes: each.bytes, at: 0 };
    while (reader.at < each.bytes.length) numbers.push(varint(reader));
  }
  return numbers;
}

function broken(): RangeError {
  return new RangeError("Cannot read a profile as its bytes end within a field: is it pprof?");
}
