// SPDX-License-Identifier: Apache-2.0
/**
 * Holds files to the walls between the parts: what may import what, and where pointers, the environment and
 * SQL may stand.
 *
 * @module
 */

import type { Imports } from "./imports.ts";

/** One wall: files for which `from` is true import none for which `to` is true. */
export interface Wall {
  readonly name: string;
  readonly from: (path: string) => boolean;
  readonly to: (path: string) => boolean;
}

/** One thing that stands only in the files for which `allowed` is true. */
export interface Home {
  readonly name: string;
  readonly pattern: RegExp;
  readonly allowed: (path: string) => boolean;
}

/** Returns a test for being in one of the folders, or for being one of the files. */
const below = (...folders: string[]) => (path: string) =>
  folders.some((folder) => path === folder || path.startsWith(`${folder}/`));

const isTest = (path: string) => path.endsWith("_test.ts");
const onlyTests = below("tests", "tasks", "bench", "demo", "deploy");
const ships = (path: string) =>
  below("agent", "aggregator", "cli", "common", "profile", "symbols")(path) && !isTest(path);

/** The walls of the tree. */
export const WALLS: readonly Wall[] = [
  { name: "the agent imports the aggregator", from: below("agent"), to: below("aggregator") },
  { name: "the aggregator imports the agent", from: below("aggregator"), to: below("agent") },
  {
    name: "what all programs share imports one of them",
    from: below("common", "profile", "symbols"),
    to: below("agent", "aggregator", "cli"),
  },
  { name: "a program imports the command line", from: below("agent", "aggregator"), to: below("cli") },
  {
    name: "the command line imports more than tables of the agent and answers of the aggregator",
    from: (path) => below("cli")(path) && !isTest(path),
    to: (path) =>
      below("agent", "aggregator")(path) && !below("agent/output", "aggregator/http/answers.ts")(path),
  },
  {
    name: "files of code know of names or of unwinding",
    from: below("agent/elf", "symbols/elf"),
    to: (path) =>
      below("agent/symbols", "agent/unwind")(path) || below("symbols")(path) && !below("symbols/elf")(path),
  },
  {
    name: "the wrapper of libbpf knows who uses it",
    from: (path) => below("agent/libbpf")(path) && !isTest(path),
    to: (path) => below("agent")(path) && !below("agent/libbpf")(path),
  },
  {
    name: "what a browser runs imports what runs on a server",
    from: (path) => below("aggregator/ui")(path) && !isTest(path),
    to: (path) => !below("aggregator/ui", "profile", "aggregator/http/answers.ts")(path),
  },
  {
    name: "what ships imports what only tests and tasks have",
    from: ships,
    to: (path) => onlyTests(path) || isTest(path),
  },
];

/** The only homes of pointers, the environment and SQL. */
export const HOMES: readonly Home[] = [
  {
    name: "a pointer or a library",
    pattern: /\bDeno\.(dlopen|UnsafePointer|UnsafePointerView|UnsafeCallback|UnsafeFnPointer)\b/,
    allowed: below("agent/libbpf", "symbols/libdw", "aggregator/embedded"),
  },
  {
    name: "the environment",
    pattern: /\b(Deno\.env|process\.env)\b/,
    allowed: (path) => path.endsWith("/main.ts") || isTest(path) || onlyTests(path),
  },
  {
    name: "SQL",
    pattern: /\b(SELECT|INSERT INTO|(CREATE|ALTER|DROP|OPTIMIZE) (TABLE|DATABASE))\s/,
    // The file of the buffer is SQLite's: what is left of a damaged one is read out of it.
    allowed: (path) =>
      below("aggregator/query", "aggregator/storage", "aggregator/embedded", "aggregator/alerts")(path) ||
      path === "aggregator/buffer/salvage.ts" || isTest(path) || onlyTests(path),
  },
];

/** Returns a line for each import that goes through a wall. */
export function crossings(imports: Imports, walls: readonly Wall[] = WALLS): string[] {
  return walls.flatMap(({ name, from, to }) =>
    [...imports].filter(([file]) => from(file)).flatMap(([file, targets]) =>
      [...targets].filter(to).map((target) => `${name}: ${file} -> ${target}`)
    )
  );
}

/**
 * Returns a line for each file that has what belongs elsewhere.
 *
 * @param read gives the text of a file
 */
export function strays(
  files: readonly string[],
  read: (path: string) => string,
  homes: readonly Home[] = HOMES,
): string[] {
  return homes.flatMap(({ name, pattern, allowed }) =>
    files.filter((path) => !allowed(path) && pattern.test(read(path))).map((path) => `${name}: ${path}`)
  );
}
