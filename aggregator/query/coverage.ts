// SPDX-License-Identifier: Apache-2.0
/**
 * Tells which executables hide most time, as their functions have no names.
 *
 * @module
 */

import { RANK } from "../../profile/model.ts";
import type { Question } from "./question.ts";
import { checkLimit, selectionSql } from "./selection.ts";
import { toTotal } from "./totals.ts";
import type { CommonOptions, Selection } from "./asked.ts";
import type { CoverageAnswer } from "./store_answers.ts";

/** Makes the statement. A stack counts once for each file that it goes through, by the worst name that it has there. */
const sql = (samples: string) => `
SELECT module_name, build, is_native, sum(v) AS value, sum(n) AS count,
    sumIf(v, worst = ${RANK.none}) AS unnamed_value, sumIf(n, worst = ${RANK.none}) AS unnamed_count,
    sumIf(v, worst < ${RANK.debug}) AS without_lines_value, sumIf(n, worst < ${RANK.debug}) AS without_lines_count
FROM
(
    SELECT stack, any(v) AS v, any(n) AS n, module_name, build, is_native, min(best) AS worst
    FROM
    (
        SELECT stack, v, n, location
        FROM (SELECT stack, sum(samples.value) AS v, sum(samples.count) AS n FROM (${samples}) AS samples GROUP BY stack) AS sums
        LEFT ANY JOIN (SELECT hash AS stack, locations FROM stacks) AS content USING stack
        ARRAY JOIN locations AS location
    ) AS places
    LEFT ANY JOIN (SELECT location, max(symbols.rank) AS best FROM symbols GROUP BY location) AS names USING location
    LEFT ANY JOIN
    (
        SELECT hash AS location, toString(module) AS module_name, toString(build_id) AS build, native AS is_native
        FROM locations
    ) AS files USING location
    GROUP BY stack, module_name, build, is_native
)
GROUP BY module_name, build, is_native
ORDER BY unnamed_value DESC, without_lines_value DESC, value DESC, module_name, build
LIMIT {limit:UInt32}`;

/**
 * Asks for the files through which most of `selection` goes without a name, then without a line.
 *
 * @param options.limit @default {50}
 * @throws {RangeError} when the selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function coverage(
  question: Question,
  selection: Selection,
  { limit = 50 }: CommonOptions = {},
): Promise<CoverageAnswer> {
  type Row =
    & Readonly<Record<"value" | "count" | `${"unnamed" | "without_lines"}_${"value" | "count"}`, string>>
    & { readonly module_name: string; readonly build: string; readonly is_native: boolean };
  const { samples, params } = selectionSql(selection, { oldest: question.oldest });
  const rows = await question.rows<Row>(sql(samples), { ...params, limit: checkLimit(limit) });
  return {
    files: rows.map((row) => ({
      module: row.module_name,
      buildId: row.build,
      // Only the file's own debug information can name what the file tells by address.
      nameable: row.is_native,
      total: toTotal(row.value, row.count),
      unnamed: toTotal(row.unnamed_value, row.unnamed_count),
      withoutLines: toTotal(row.without_lines_value, row.without_lines_count),
    })),
    cost: question.cost,
  };
}
