// SPDX-License-Identifier: Apache-2.0
/**
 * Compares two selections side by side.
 *
 * @module
 */

import { functionNames, MISSING } from "./names.ts";
import type { Question } from "./question.ts";
import { checkLimit, selectionSql } from "./selection.ts";
import { spreadSql } from "./spread.ts";
import { NO_TOTAL, toTotal } from "./totals.ts";
import type { DiffAnswer, DiffOptions, DiffRow } from "./stack_answers.ts";
import { QuestionError, type Selection } from "./asked.ts";

const SUMS = ["base_value", "base_count", "compare_value", "compare_count"] as const;

/** Makes the query of both. A sample that is in both selections counts on both sides. */
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

/** Says what a nanosecond of each side counts. */
const SCALES: Readonly<Record<NonNullable<DiffOptions["by"]>, (side: "base" | "compare") => string>> = {
  share: (side) => `if(all_${side} = 0, 0, 1 / all_${side})`,
  cores: (side) => `{${side}_scale:Float64}`,
  value: () => "1",
};

/** Makes the statement. The row with the sums of all has no change of its own, and comes first. */
const sql = (spread: string, { by, order }: Required<Pick<DiffOptions, "by" | "order">>) => {
  const change = (of: "self" | "total") => {
    const scaled = (side: "base" | "compare") => `${of}_${side}_value * ${SCALES[by](side)}`;
    const difference = `${scaled("compare")} - ${scaled("base")}`;
    return order === "growth" ? difference : `abs(${difference})`;
  };
  return `
SELECT
    *,
    sumIf(total_base_value, is_all) OVER () AS all_base,
    sumIf(total_compare_value, is_all) OVER () AS all_compare,
    ${change("self")} AS self_change,
    ${change("total")} AS total_change
FROM (${spread})
ORDER BY is_all DESC, self_change DESC, total_change DESC, total_compare_value + total_base_value DESC, key
LIMIT {limit:UInt32}`;
};

/** 64-bit numbers are decimal text. */
type Row =
  & Readonly<Record<`${"self" | "total"}_${(typeof SUMS)[number]}`, string>>
  & { readonly key: string; readonly is_all: boolean };

/**
 * Asks for the `limit` functions whose self value changed most, or grew most; equal ones by the change of their total
 * value. Sides of different length are compared by their shares of the whole, or in cores.
 *
 * @param options.by @default {"share"}
 * @param options.order @default {"change"}
 * @param options.limit @default {100}
 * @throws {RangeError} when a selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function diff(
  question: Question,
  base: Selection,
  compare: Selection,
  { limit = 100, by = "share", order = "change" }: DiffOptions = {},
): Promise<DiffAnswer> {
  const { oldest } = question;
  const baseSql = selectionSql(base, { oldest, prefix: "base_" });
  const compareSql = selectionSql(compare, { oldest, prefix: "compare_" });
  const weights = bothSql(baseSql.samples, compareSql.samples);
  const spread = spreadSql({ weights, labels: [], sums: SUMS, by: "function" });
  const rows = await question.rows<Row>(sql(spread, { by, order }), {
    ...baseSql.params,
    ...compareSql.params,
    // One more for the row with the sums.
    limit: checkLimit(limit) + 1,
    ...(by === "cores" && { base_scale: coresOf(base), compare_scale: coresOf(compare) }),
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

/** Returns a nanosecond of a selection as a part of its time: sums of these are cores. @throws {RangeError} */
function coresOf({ from, to }: Selection): number {
  const ms = to - from;
  if (!(ms > 0 && ms < Infinity)) {
    throw new QuestionError(
      `Cannot count cores of a time that has no length: current values are ${from} and ${to}`,
    );
  }
  return 1 / (ms * 1e6);
}
