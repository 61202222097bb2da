// SPDX-License-Identifier: Apache-2.0
/**
 * Writes ClickHouse's Native format, as far as the writer needs it: blocks of columns, each as its type and its bytes.
 * https://clickhouse.com/docs/interfaces/formats/Native
 *
 * Numbers are little-endian, as are those of every machine that this runs on.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Is one column of a block. */
export interface Column {
  readonly name: string;
  /** Is the type as ClickHouse writes it. Where the table's type differs, the server casts. */
  readonly type: string;
  readonly rows: number;
  readonly bytes: Uint8Array;
}

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array | BigUint64Array | BigInt64Array;

/** Makes a column of fixed-width values; `type` must be as wide as the array's elements. */
export function numbers(name: string, type: string, values: Numbers): Column {
  return { name, type, rows: values.length, bytes: bytesOf(values) };
}

/** Makes a column of String. */
export function strings(name: string, values: readonly string[]): Column {
  return { name, type: "String", rows: values.length, bytes: encodeStrings(values) };
}

/**
 * Makes a column of LowCardinality(String): the distinct values once, and a row of them for each row of the block.
 *
 * @param rows indexes into `values`
 */
export function lowCardinality(name: string, values: readonly string[], rows: Uint32Array): Column {
  const bytes = concat([LOW_CARDINALITY_VERSION, encodeDictionary(values, rows)]);
  return { name, type: "LowCardinality(String)", rows: rows.length, bytes };
}

/**
 * Makes a column of Array(LowCardinality(String)).
 *
 * @param ends where each row's items end in `items`
 * @param items indexes into `values`
 */
export function lowCardinalityArrays(
  name: string,
  ends: BigUint64Array,
  { values, items }: { values: readonly string[]; items: Uint32Array },
): Column {
  const parts = [LOW_CARDINALITY_VERSION, bytesOf(ends)];
  // A dictionary without items is not written at all.
  if (items.length > 0) parts.push(encodeDictionary(values, items));
  return { name, type: "Array(LowCardinality(String))", rows: ends.length, bytes: concat(parts) };
}

const LOW_CARDINALITY_VERSION = bytesOf(BigUint64Array.of(1n));

function encodeDictionary(values: readonly string[], rows: Uint32Array): Uint8Array {
  // Indexes are UInt32 (2), and the keys follow (bit 9) rather than stand in a dictionary of many blocks.
  const head = bytesOf(BigUint64Array.of(0x202n, BigInt(values.length)));
  return concat([
    head,
    encodeStrings(values),
    bytesOf(BigUint64Array.of(BigInt(rows.length))),
    bytesOf(rows),
  ]);
}

/**
 * Makes a column of Array(UInt64) or Array(UInt32), as `items` are.
 *
 * @param ends where each row's items end in `items`
 */
export function arrays(name: string, ends: BigUint64Array, items: BigUint64Array | Uint32Array): Column {
  const bytes = concat([bytesOf(ends), bytesOf(items)]);
  const type = items instanceof BigUint64Array ? "Array(UInt64)" : "Array(UInt32)";
  return { name, type, rows: ends.length, bytes };
}

/** Makes a column of Array(String). */
export function stringArrays(name: string, values: readonly (readonly string[])[]): Column {
  let end = 0;
  const ends = BigUint64Array.from(values, (items) => BigInt(end += items.length));
  const bytes = concat([bytesOf(ends), encodeStrings(values.flat())]);
  return { name, type: "Array(String)", rows: values.length, bytes };
}

/** Makes a column of Map(String, UInt64). */
export function maps(name: string, values: readonly ReadonlyMap<string, number | bigint>[]): Column {
  let end = 0;
  const ends = BigUint64Array.from(values, (map) => BigInt(end += map.size));
  const keys = values.flatMap((map) => [...map.keys()]);
  const items = BigUint64Array.from(values.flatMap((map) => [...map.values()].map(BigInt)));
  const bytes = concat([bytesOf(ends), encodeStrings(keys), bytesOf(items)]);
  return { name, type: "Map(String, UInt64)", rows: values.length, bytes };
}

/** Makes a column of Map(String, String). */
export function stringMaps(name: string, values: readonly ReadonlyMap<string, string>[]): Column {
  let end = 0;
  const ends = BigUint64Array.from(values, (map) => BigInt(end += map.size));
  const keys = encodeStrings(values.flatMap((map) => [...map.keys()]));
  const texts = encodeStrings(values.flatMap((map) => [...map.values()]));
  const bytes = concat([bytesOf(ends), keys, texts]);
  return { name, type: "Map(String, String)", rows: values.length, bytes };
}

/**
 * Makes a column of Map(`keyType`, UInt64); `keyType` must be as wide as the elements of `keys`.
 *
 * @param entries where each row's end in `keys` and `values`
 */
export function numberMaps(
  name: string,
  keyType: string,
  { ends, keys, values }: { ends: BigUint64Array; keys: Numbers; values: BigUint64Array },
): Column {
  const bytes = concat([bytesOf(ends), bytesOf(keys), bytesOf(values)]);
  return { name, type: `Map(${keyType}, UInt64)`, rows: ends.length, bytes };
}

/** Encodes one block of `columns`, all of the same number of rows. */
export function encodeBlock(columns: readonly Column[]): Uint8Array {
  const rows = columns[0]?.rows ?? 0;
  const wrong = columns.find((column) => column.rows !== rows);
  if (wrong) {
    throw new RangeError(
      `Cannot encode columns of different lengths: ${wrong.name} has ${wrong.rows}, not ${rows}`,
    );
  }
  const parts = [varint(columns.length), varint(rows)];
  for (const { name, type, bytes } of columns) parts.push(encodeStrings([name, type]), bytes);
  return concat(parts);
}

/** Converts integers of at most 2^53 - 1 to UInt64, without a bigint for each. */
export function toUint64(values: ArrayLike<number>): BigUint64Array {
  const halves = new Uint32Array(values.length * 2);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    halves[2 * i] = value; // the conversion keeps the low 32 bits
    halves[2 * i + 1] = value / 2 ** 32;
  }
  return new BigUint64Array(halves.buffer);
}

/** Encodes each string as the varint of its length in bytes, and its UTF-8. */
function encodeStrings(values: readonly string[]): Uint8Array {
  let units = 0;
  for (const value of values) units += value.length;
  // UTF-8 has at most 3 bytes for a UTF-16 unit; a varint of 32 bits at most 5.
  const bytes = new Uint8Array(units * 3 + values.length * 5);
  let at = 0;
  for (const value of values) {
    // Most are short and one byte is their length; else they are moved.
    const { written } = encoder.encodeInto(value, bytes.subarray(at + 1));
    const length = varint(written);
    if (length.length > 1) bytes.copyWithin(at + length.length, at + 1, at + 1 + written);
    bytes.set(length, at);
    at += length.length + written;
  }
  return bytes.subarray(0, at);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push(value & 0x7f | 0x80);
  bytes.push(value);
  return Uint8Array.from(bytes);
}

function bytesOf({ buffer, byteOffset, byteLength }: Numbers): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
