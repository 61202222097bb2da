// SPDX-License-Identifier: Apache-2.0
/**
 * Gives stacks what they are merged by: the keys of their functions, modules, files or lines, by the best names that
 * are known now.
 *
 * @module
 */

import { lineKey, placeKey } from "./names.ts";
import type { CodeGroup } from "./stack_answers.ts";

/** Is what keys stand for: of functions that are told apart by file, or by line, both. */
export type KeyedBy = CodeGroup | "function_file" | "function_line";

export interface StackKeysOptions {
  /** Is a query with a column `stack`, one row for each stack, and the columns `carry`, which are arrays. */
  readonly weights: string;
  readonly carry: readonly string[];
  /** @default {"function"} */
  readonly by?: KeyedBy;
  /** Functions that are inlined in others count, too. @default {true} */
  readonly inlined?: boolean;
  /** The query has a column `detail`: the hash of the leaf's line, or of its location. @default none */
  readonly detail?: "line" | "address";
}

/** Says of which columns a location's keys are made, and how: the innermost function first. */
const KEYS: Readonly<
  Record<Exclude<KeyedBy, "module">, { readonly columns: readonly string[]; readonly keys: string }>
> = {
  function: { columns: ["functions"], keys: "functions" },
  file: { columns: ["files"], keys: "arrayMap(f -> cityHash64(toString(f)), files)" },
  line: { columns: ["files", "lines"], keys: `arrayMap((f, l) -> ${lineKey("f", "l")}, files, lines)` },
  function_file: {
    columns: ["functions", "files"],
    keys: `arrayMap((n, f) -> ${placeKey("n", "f")}, functions, files)`,
  },
  function_line: {
    columns: ["functions", "files", "lines"],
    keys: `arrayMap((n, f, l) -> ${placeKey("n", "f", "l")}, functions, files, lines)`,
  },
};

/** Stands for what is not in the tables, which a writer never leaves out. */
const UNKNOWN = bytesSql("[toUInt64(0)]");

/**
 * Makes a query with `stack`, the columns `carry`, and `keys`, from the root to the leaf.
 *
 * The best names of all locations are one constant of the statement, in which each place of a stack is looked up where
 * it stands: stacks stream by and are never taken apart. That is what it costs that names may come later. A location
 * has as many keys as functions, so what is looked up is their bytes, which are strung together.
 */
export function stackKeysSql(options: StackKeysOptions): string {
  const { weights, carry, detail } = options;
  const found = "arrayMap(l -> transform(l, names_1, names_2, unknown), arrayReverse(locations))";
  const details = {
    line: `transform(locations[1], names_1, names_3, ${lineKey("''", "toUInt32(0)")}) AS detail`,
    address: "locations[1] AS detail",
  };
  return `
WITH (${namesSql(options)}) AS names, ${arraysSql("names", detail === "line" ? 3 : 2)}, ${UNKNOWN} AS unknown
SELECT ${["stack", ...carry, ...(detail ? [details[detail]] : [])].join(", ")},
    reinterpret(arrayStringConcat(${found}), 'Array(UInt64)') AS keys
FROM (SELECT hash AS stack, locations FROM stacks) AS content
RIGHT ANY JOIN (${weights}) AS weights USING stack`;
}

/**
 * Makes `NAME_1`, `NAME_2` and so on of the `count` arrays of the constant `name`. The engine has the result of a subquery
 * by reference, but writes out what is taken from it each time that it plans a step of the statement: of 30,000
 * locations that was 80 ms of a flame graph.
 */
export function arraysSql(name: string, count: number): string {
  return Array.from({ length: count }, (_, i) => `(SELECT ${name}.${i + 1}) AS ${name}_${i + 1}`).join(", ");
}

/**
 * Makes a query of one row: the hashes of locations, the bytes of their keys with the outermost function first, and
 * where it is asked for what the leaf's line is told by. Of each location the name of the highest rank is taken; of two
 * of the same rank, the newer one.
 */
function namesSql({ by = "function", inlined = true, detail }: StackKeysOptions): string {
  // A location's frames are all of one file.
  if (by === "module") {
    return `SELECT (groupArray(hash), groupArray(if(own = '', ${UNKNOWN}, ${bytesSql("[cityHash64(own)]")})))
FROM (SELECT hash, toString(any(module)) AS own FROM locations GROUP BY hash)`;
  }
  const { columns, keys } = KEYS[by];
  const all = [...new Set([...columns, ...(detail === "line" ? ["files", "lines"] : [])])];
  const best = all.map((column) => `argMax(${column}, (rank, day)) AS ${column}`).join(", ");
  const bytes = `if(empty(${columns[0]}), ${UNKNOWN}, ${
    bytesSql(inlined ? `arrayReverse(${keys})` : `arraySlice(${keys}, -1)`)
  })`;
  const lists = ["location", bytes, ...(detail === "line" ? [lineKey("files[1]", "lines[1]")] : [])];
  return `SELECT (${lists.map((list) => `groupArray(${list})`).join(", ")})
FROM (SELECT location, ${best} FROM symbols GROUP BY location)`;
}

/** Makes the bytes of numbers, as `reinterpret` reads them. */
function bytesSql(numbers: string): string {
  return `arrayStringConcat(arrayMap(k -> concat('', reinterpretAsFixedString(k)), ${numbers}))`;
}
