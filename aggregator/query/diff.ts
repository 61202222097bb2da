/**
 * Two selections side by side.
 *
 * @module
 */

import { functionNames, MISSING } from "./names.ts";
import type { Question } from "./question.ts";
import { checkLimit, selectionSql } from "./selection.ts";
import { spreadSql } from "./spread.ts";
import { NO_TOTAL, toTotal } from "./totals.ts";
import type { CommonOptions, DiffAnswer, DiffRow, Selection } from "./types.ts";

const SUMS = ["base_value", "base_count", "compare_value", "compare_count"] as const;

/** A sample that is in both selections counts on both sides. */
export const bothSql = (base: string, compare: string) => `
SELECT
    stack,
    [sum(in_base * value)] AS base_value,
    [sum(in_base * count)] AS base_count,
    [sum(in_compare * value)] AS compare_value,
    [sum(in_compare * count)] AS compare_count
FROM
(
    SELECT stack, value, count, 1 AS in_base, 0 AS in_compare FROM (${base})
    UNION ALL
    SELECT stack, value, count, 0 AS in_base, 1 AS in_compare FROM (${compare})
)
GROUP BY stack`;

/** The row with the sums of all has no change of its own, and comes first. */
const sql = (spread: string) => `
SELECT
    *,
    sumIf(total_base_value, is_all) OVER () AS all_base,
    sumIf(total_compare_value, is_all) OVER () AS all_compare,
    abs(if(all_compare = 0, 0, self_compare_value / all_compare) - if(all_base = 0, 0, self_base_value / all_base)) AS self_change,
    abs(if(all_compare = 0, 0, total_compare_value / all_compare) - if(all_base = 0, 0, total_base_value / all_base)) AS total_change
FROM (${spread})
ORDER BY is_all DESC, self_change DESC, total_change DESC, total_compare_value + total_base_value DESC, key
LIMIT {limit:UInt32}`;

/** 64-bit numbers are decimal text. */
type Row =
  & Readonly<Record<`${"self" | "total"}_${(typeof SUMS)[number]}`, string>>
  & { readonly key: string; readonly is_all: boolean };

/**
 * Asks for the `limit` functions whose self value changed most, as shares of each side's total; equal ones by the change
 * of their total value.
 *
 * @param options.limit @default {100}
 * @throws {RangeError} when a selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function diff(
  question: Question,
  base: Selection,
  compare: Selection,
  { limit = 100 }: CommonOptions = {},
): Promise<DiffAnswer> {
  const { oldest } = question;
  const baseSql = selectionSql(base, { oldest, prefix: "base_" });
  const compareSql = selectionSql(compare, { oldest, prefix: "compare_" });
  const weights = bothSql(baseSql.samples, compareSql.samples);
  const spread = spreadSql({ weights, labels: [], sums: SUMS, by: "function" });
  const rows = await question.rows<Row>(sql(spread), {
    ...baseSql.params,
    ...compareSql.params,
    // One more for the row with the sums.
    limit: checkLimit(limit) + 1,
  });
  const all = rows.find(({ is_all }) => is_all);
  const shown = rows.filter(({ is_all }) => !is_all);
  const names = await functionNames(question, shown.map(({ key }) => key));
  return {
    rows: shown.map((row): DiffRow => {
      const { name, module } = names.get(row.key) ?? MISSING;
      return {
        function: name,
        module,
        baseSelf: toTotal(row.self_base_value, row.self_base_count),
        baseTotal: toTotal(row.total_base_value, row.total_base_count),
        compareSelf: toTotal(row.self_compare_value, row.self_compare_count),
        compareTotal: toTotal(row.total_compare_value, row.total_compare_count),
      };
    }),
    base: all ? toTotal(all.total_base_value, all.total_base_count) : NO_TOTAL,
    compare: all ? toTotal(all.total_compare_value, all.total_compare_count) : NO_TOTAL,
    cost: question.cost,
  };
}
