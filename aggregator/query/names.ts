// SPDX-License-Identifier: Apache-2.0
/**
 * Finds what keys and hashes stand for.
 *
 * @module
 */

import { UNKNOWN_MODULE } from "../../profile/model.ts";
import type { Question } from "./question.ts";

/** Is a function, or what stands in its place. */
export interface Name {
  readonly name: string;
  readonly module: string;
}

/** Is a function at a place in its source; the file is "" where it is not known. */
export interface Place extends Name {
  readonly file: string;
  /** Is 0 where functions are told apart by file alone. */
  readonly line: number;
}

/** Stands for a function that storage does not have; a writer leaves none, whatever interrupts it. */
export const MISSING: Name = { name: "unknown", module: UNKNOWN_MODULE };

/** Makes the expression of a line's hash; lines of a file that is not known are one. */
export function lineKey(file: string, line: string): string {
  return `cityHash64(toString(${file}), if(${file} = '', 0, ${line}))`;
}

/** Makes the expression of the hash of a function, which is a key, at a line, or in a file. */
export function placeKey(name: string, file: string, line = "toUInt32(0)"): string {
  return `cityHash64(${name}, ${lineKey(file, line)})`;
}

/** There are 21 bytes for each hash in a request that both sides hold as text. */
const CHUNK = 50_000;

const FUNCTIONS = `
SELECT key, any(functions.name) AS name, any(functions.module) AS module
FROM functions WHERE key IN {keys:Array(UInt64)} GROUP BY key`;

const MODULES = `
SELECT cityHash64(toString(locations.module)) AS key, any(toString(locations.module)) AS name
FROM locations WHERE key IN {keys:Array(UInt64)} GROUP BY key`;

const FILES = `
SELECT cityHash64(toString(file)) AS key, any(toString(file)) AS name
FROM symbols ARRAY JOIN files AS file WHERE key IN {keys:Array(UInt64)} GROUP BY key`;

const LINES = `
SELECT key, any(file) AS file, any(line) AS line
FROM
(
    SELECT ${lineKey("of_file", "of_line")} AS key, toString(of_file) AS file, of_line AS line
    FROM symbols ARRAY JOIN files AS of_file, lines AS of_line
)
WHERE key IN {keys:Array(UInt64)} GROUP BY key`;

const places = (line: string) => `
SELECT key, any(name) AS function, any(file) AS file, any(line) AS line
FROM
(
    SELECT ${placeKey("of_function", "of_file", line)} AS key, of_function AS name, toString(of_file) AS file,
        ${line} AS line
    FROM symbols ARRAY JOIN functions AS of_function, files AS of_file, lines AS of_line
)
WHERE key IN {keys:Array(UInt64)} GROUP BY key`;

const ADDRESSES = `
SELECT hash AS key, any(locations.module) AS module, any(locations.address) AS address
FROM locations WHERE hash IN {keys:Array(UInt64)} GROUP BY hash`;

/** Returns the names of functions by their keys, which are decimal text: JSON numbers cannot hold them. */
export async function functionNames(
  question: Question,
  keys: Iterable<string>,
): Promise<Map<string, Name>> {
  const rows = await byKey<{ key: string } & Name>(question, FUNCTIONS, keys);
  return new Map(rows.map(({ key, name, module }) => [key, { name, module }]));
}

/** Returns the names of modules by the hash that statements group by. */
export async function moduleNames(question: Question, keys: Iterable<string>): Promise<Map<string, Name>> {
  const rows = await byKey<{ key: string; name: string }>(question, MODULES, keys);
  return new Map(rows.map(({ key, name }) => [key, { name, module: name }]));
}

/** Returns the names of source files by the hash that statements group by; "" is one that is not known. */
export async function fileNames(question: Question, keys: Iterable<string>): Promise<Map<string, Name>> {
  const rows = await byKey<{ key: string; name: string }>(question, FILES, keys);
  return new Map(rows.map(({ key, name }) => [key, { name, module: "" }]));
}

/** Returns lines as `file:line` by the hash that statements group by; "" is one that is not known. */
export async function lineNames(question: Question, keys: Iterable<string>): Promise<Map<string, Name>> {
  const rows = await byKey<{ key: string; file: string; line: number }>(question, LINES, keys);
  return new Map(
    rows.map(({ key, file, line }) => [key, { name: file === "" ? "" : `${file}:${line}`, module: "" }]),
  );
}

/** Returns functions with their files by the hash that statements group by, and with their lines where `by` says so. */
export async function placeNames(
  question: Question,
  keys: Iterable<string>,
  by: "function_file" | "function_line",
): Promise<Map<string, Place>> {
  type Row = Omit<Place, keyof Name> & { readonly key: string; readonly function: string };
  const rows = await byKey<Row>(question, places(by === "function_line" ? "of_line" : "toUInt32(0)"), keys);
  const names = await functionNames(question, rows.map((row) => row.function));
  return new Map(rows.map(({ key, file, line, ...row }) => {
    return [key, { ...names.get(row.function) ?? MISSING, file, line }];
  }));
}

/** Returns addresses as `module+0xaddress` by the hash of the location. */
export async function addressNames(question: Question, keys: Iterable<string>): Promise<Map<string, Name>> {
  const rows = await byKey<{ key: string; module: string; address: string }>(question, ADDRESSES, keys);
  return new Map(rows.map(({ key, module, address }) => {
    const file = module.slice(module.lastIndexOf("/") + 1);
    return [key, { name: `${file}+0x${BigInt(address).toString(16)}`, module }];
  }));
}

/** Returns the rows of `sql`, which may have other parameters, for the distinct `keys`. */
export async function byKey<Row>(
  question: Question,
  sql: string,
  keys: Iterable<string>,
  others: Readonly<Record<string, unknown>> = {},
): Promise<Row[]> {
  const all = [...new Set(keys)];
  const rows: Row[] = [];
  for (let i = 0; i < all.length; i += CHUNK) {
    // Items that are strings would be quoted, and are then no integers.
    const params = { ...others, keys: `[${all.slice(i, i + CHUNK).join()}]` };
    for (const row of await question.rows<Row>(sql, params)) rows.push(row);
  }
  return rows;
}
