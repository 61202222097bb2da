// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the values of a label.
 *
 * @module
 */

import type { AnyLabel } from "./matchers.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql, selectionSql } from "./selection.ts";
import { toTotal } from "./totals.ts";
import type { CommonOptions, Selection } from "./asked.ts";
import type { LabelValuesAnswer } from "./series_answers.ts";

/** Makes the statement. It reads the sums of series, which are some hundred times fewer than samples. */
const sql = (label: string, { totals, series }: { totals: string; series: string }) => `
SELECT label, sum(series_value) AS value, sum(series_count) AS count
FROM
(
    SELECT series, sum(totals.value) AS series_value, sum(totals.count) AS series_count
    FROM (${totals}) AS totals
    GROUP BY series
) AS sums
LEFT ANY JOIN (SELECT hash AS series, ${label} AS label FROM series WHERE ${series}) AS labels
USING series
GROUP BY label
ORDER BY value DESC, count DESC, label
LIMIT {limit:UInt32}`;

/**
 * Asks for the `limit` largest values of `label` in `selection`; "" is among them where some series have none.
 *
 * @param options.limit @default {1000}
 * @throws {RangeError} when the label, the selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function labelValues(
  question: Question,
  label: AnyLabel,
  selection: Selection,
  { limit = 1000 }: CommonOptions = {},
): Promise<LabelValuesAnswer> {
  const selected = selectionSql(selection, { oldest: question.oldest, wholeMinutes: true });
  const rows = await question.rows<{ label: string; value: string; count: string }>(
    sql(labelSql(label), selected),
    { ...selected.params, limit: checkLimit(limit) },
  );
  return {
    values: rows.map(({ label, value, count }) => ({ value: label, total: toTotal(value, count) })),
    cost: question.cost,
  };
}
