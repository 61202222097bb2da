// SPDX-License-Identifier: Apache-2.0
/**
 * Gives stacks what they are merged by: the keys of their functions, modules, files or lines, by the best names that
 * are known now.
 *
 * @module
 */

import { lineKey } from "./names.ts";
import type { CodeGroup } from "./stack_answers.ts";

export interface StackKeysOptions {
  /** Is a query with a column `stack`, one row for each stack, and the columns `carry`, which are arrays. */
  readonly weights: string;
  readonly carry: readonly string[];
  /** @default {"function"} */
  readonly by?: CodeGroup;
  /** Functions that are inlined in others count, too. @default {true} */
  readonly inlined?: boolean;
  /** The query has a column `detail`: the hash of the leaf's line, or of its location. @default none */
  readonly detail?: "line" | "address";
}

/** Is the key of what is not in the tables, which a writer never leaves out. */
export const UNKNOWN_KEY = "toUInt64(0)";

/** Selects for each location the name of the highest rank; of two of the same rank, the newer one. */
const bestSymbols = (columns: readonly string[]) =>
  `SELECT location, ${columns.map((column) => `argMax(${column}, (rank, day)) AS ${column}`).join(", ")}
FROM symbols GROUP BY location`;

/** Says how a location's keys are made, innermost function first. */
const KEYS: Readonly<Record<CodeGroup, { readonly columns: readonly string[]; readonly keys: string }>> = {
  function: { columns: ["functions"], keys: "functions" },
  file: { columns: ["files"], keys: "arrayMap(f -> cityHash64(toString(f)), files)" },
  line: { columns: ["files", "lines"], keys: `arrayMap((f, l) -> ${lineKey("f", "l")}, files, lines)` },
  // A location's frames are all of one file.
  module: { columns: [], keys: "[cityHash64(toString(module))]" },
};

const DETAIL = { line: lineKey("files[1]", "lines[1]"), address: "location" } as const;

/**
 * Makes a query with `stack`, the columns `carry`, and `keys`, from the root to the leaf.
 *
 * Stacks are taken apart to locations, which are joined with their names, and put together again: a location is looked
 * up once for each place that it has in a stack, which is what it costs that names may come later. What stacks carry
 * goes along with their first place alone. The few stacks that are asked for are what is held; all stacks stream by.
 */
export function stackKeysSql(options: StackKeysOptions): string {
  const { weights, carry, by = "function", inlined = true, detail } = options;
  const { columns, keys } = KEYS[by];
  const source = by === "module"
    ? "SELECT hash AS location, module FROM locations"
    : bestSymbols(detail === "line" ? ["functions", "files", "lines"] : columns);
  const list = (columns: readonly string[]) => columns.map((column) => `${column}, `).join("");
  const known = inlined || by === "module" ? keys : `arraySlice(${keys}, -1)`;
  const first = (column: string) =>
    `arrayPushFront(arrayWithConstant(length(places) - 1, arraySlice(${column}, 1, 0)), ${column})`;
  return `
SELECT
    stack,
    ${list(carry.map((column) => `groupArrayArray(${column}) AS ${column}`))}
    ${detail ? "argMin(own_detail, place) AS detail," : ""}
    arrayReverse(arrayFlatten(arraySort((own, place) -> place, groupArray(own), groupArray(place)))) AS keys
FROM
(
    SELECT
        stack, ${list(carry)}place, ${detail ? `${DETAIL[detail]} AS own_detail, ` : ""}
        multiIf(place = 0, [], ${
    by === "module" ? "module = ''" : "empty(own_keys)"
  }, [${UNKNOWN_KEY}], own_keys) AS own
    FROM
    (
        SELECT stack, ${list(carry)}location, place
        FROM
        (
            SELECT * EXCEPT (locations), if(empty(locations), [toUInt64(0)], locations) AS of_places,
                if(empty(locations), [toUInt32(0)], arrayEnumerate(locations)) AS places
            FROM (SELECT hash AS stack, locations FROM stacks) AS content
            RIGHT ANY JOIN (${weights}) AS weights USING stack
        )
        ARRAY JOIN of_places AS location, places AS place${
    carry.map((column) => `, ${first(column)} AS ${column}`).join("")
  }
    ) AS places
    LEFT ANY JOIN (SELECT *, ${known} AS own_keys FROM (${source})) AS names USING location
)
GROUP BY stack`;
}
