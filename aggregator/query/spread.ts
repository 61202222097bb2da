// SPDX-License-Identifier: Apache-2.0
/**
 * Has the values of stacks spread to the functions, modules, files or lines that are in them.
 *
 * @module
 */

import { type KeyedBy, stackKeysSql } from "./stack_keys.ts";

export interface SpreadOptions {
  /** Is a query with a column `stack`, one row for each stack, and for each of `lists` an array. */
  readonly weights: string;
  /** Names the columns of `weights` that are arrays of equal length: labels, and what the stack is worth with each. */
  readonly labels: readonly string[];
  readonly sums: readonly string[];
  readonly by: KeyedBy;
}

/**
 * Makes a query with `labels`, `key`, and for each of `sums` its `self_…` (of stacks whose leaf has the key) and
 * `total_…` (of stacks that have the key anywhere, once).
 *
 * Rows with `is_all` are the sums of all stacks, those without a frame included. They come with the others in one
 * reading, so that a total agrees with its parts while rows are being written.
 */
export function spreadSql({ weights, labels, sums, by }: SpreadOptions): string {
  const lists = [...labels, ...sums];
  const list = (columns: readonly string[]) => columns.map((column) => `${column}, `).join("");
  const spread = sums.flatMap((sum) => [
    `sumIf(${sum}, NOT is_all AND key = leaf) AS self_${sum}`,
    `sum(${sum}) AS total_${sum}`,
  ]).join(", ");
  return `
SELECT ${list(labels)}key, is_all, ${spread}
FROM
(
    SELECT ${list(lists)}keys[-1] AS leaf,
        arrayPushFront(arrayMap(k -> (k, false), arrayDistinct(keys)), (toUInt64(0), true)) AS places
    FROM (${stackKeysSql({ weights, carry: lists.map((column) => `${column}`), by })})
    ARRAY JOIN ${lists.map((column) => `${column} AS ${column}`).join(", ")}
)
ARRAY JOIN arrayMap(p -> p.1, places) AS key, arrayMap(p -> p.2, places) AS is_all
GROUP BY ${list(labels)}key, is_all`;
}
