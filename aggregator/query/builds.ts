// SPDX-License-Identifier: Apache-2.0
/**
 * Tells which files were replaced by another build while they were watched.
 *
 * @module
 */

import type { Question } from "./question.ts";
import { checkLimit, selectionSql } from "./selection.ts";
import type { BuildsAnswer } from "./store_answers.ts";
import type { CommonOptions, Selection } from "./asked.ts";

/** Makes the statement: of files that have more than one build id in the selection, when each was seen. */
const sql = (samples: string) => `
SELECT module_name, build, first, last
FROM
(
    SELECT module_name, build, min(first) AS first, max(last) AS last, count() OVER (PARTITION BY module_name) AS builds
    FROM
    (
        SELECT location, min(first) AS first, max(last) AS last
        FROM
        (
            SELECT stack, toUnixTimestamp(min(time)) AS first, toUnixTimestamp(max(time)) AS last
            FROM (${samples}) AS samples
            GROUP BY stack
        ) AS seen
        LEFT ANY JOIN (SELECT hash AS stack, locations FROM stacks) AS content USING stack
        ARRAY JOIN locations AS location
        GROUP BY location
    ) AS places
    LEFT ANY JOIN
    (
        SELECT hash AS location, toString(module) AS module_name, toString(build_id) AS build FROM locations
    ) AS files USING location
    WHERE build != ''
    GROUP BY module_name, build
)
WHERE builds > 1
ORDER BY first, module_name, build
LIMIT {limit:UInt32}`;

/**
 * Asks for builds of files that have several in `selection`, in the order of their first sample.
 *
 * @param options.limit @default {100}
 * @throws {RangeError} when the selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function builds(
  question: Question,
  selection: Selection,
  { limit = 100 }: CommonOptions = {},
): Promise<BuildsAnswer> {
  type Row = { module_name: string; build: string; first: number; last: number };
  const { samples, params } = selectionSql(selection, { oldest: question.oldest });
  const rows = await question.rows<Row>(sql(samples), { ...params, limit: checkLimit(limit) });
  return {
    builds: rows.map(({ module_name, build, first, last }) => ({
      module: module_name,
      buildId: build,
      first: first * 1000,
      last: last * 1000,
    })),
    cost: question.cost,
  };
}
