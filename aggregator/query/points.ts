// SPDX-License-Identifier: Apache-2.0
/**
 * Answers sums of a selection at points in time, by any labels.
 *
 * @module
 */

import type { Question } from "./question.ts";
import { checkLimit, labelSql, type SelectionSql, selectionSql } from "./selection.ts";
import { stackChoice } from "./stack_choice.ts";
import { stackKeysSql } from "./stack_keys.ts";
import type { PointsAnswer, PointsOptions } from "./series_answers.ts";
import { QuestionError, type Selection } from "./asked.ts";

/** An answer has a value for each series and point: more points are no curve. */
const MAX_POINTS = 11_000;
/** So many values in all. */
const MAX_VALUES = 500_000;

const BUCKET_MS = 10_000;

/**
 * Asks for the sums of `selection` at `from`, and each `stepMs` after it up to `to`. A point has the buckets that ended
 * in the step before it; the last has those that had begun by then.
 *
 * @throws {RangeError} when the selection, a label, the step or the limit makes no sense
 * @throws {StorageError}
 */
export async function points(
  question: Question,
  selection: Selection,
  options: PointsOptions,
): Promise<PointsAnswer> {
  const { groupBy, stepMs, value, average = false, limit = 1000 } = options;
  const { from, to } = selection;
  const last = Math.floor((to - from) / stepMs);
  if (!(stepMs >= 1 && last >= 0 && last < MAX_POINTS)) {
    throw new QuestionError(
      `Cannot answer other than 1 to ${MAX_POINTS} points: current step is ${stepMs} ms`,
    );
  }
  const end = from + last * stepMs;
  // Buckets that are a tenth of a step at most blur no point.
  const coarsest = [3600, 60].find((step) => stepMs >= step * BUCKET_MS) ?? 10;
  const begin = Math.floor((from - stepMs) / BUCKET_MS) * BUCKET_MS;
  const selected = selectionSql({ ...selection, from: begin, to: Math.max(end, begin + 1) }, {
    oldest: question.oldest,
    step: coarsest,
  });
  const labels = [...new Set(groupBy)];
  const choice = await stackChoice(question, options.choice);
  const rows = await question.rows<Row>(
    sql(selected, { labels: labels.map(labelSql), choice: choice.sql, value, average }),
    {
      ...selected.params,
      ...choice.params,
      start: from,
      step: stepMs,
      last,
      limit: Math.min(checkLimit(limit), Math.max(1, Math.floor(MAX_VALUES / (last + 1)))),
    },
  );
  return {
    series: rows.map((row) => ({
      labels: groupBy.map((label) => row.labels[labels.indexOf(label)]!),
      points: row.points.map(([at, value]) => ({ time: from + Number(at) * stepMs, value: Number(value) })),
    })),
    cut: rows.length > 0 ? Number(rows[0]!.of) - rows.length : 0,
    cost: question.cost,
  };
}

interface Row {
  readonly labels: readonly string[];
  readonly points: readonly (readonly [at: string | number, value: string | number])[];
  /** Counts all series, those that were cut, too. */
  readonly of: string;
}

interface SqlOptions {
  readonly labels: readonly string[];
  readonly choice: string;
  readonly value: "value" | "count";
  readonly average: boolean;
}

function sql(selected: SelectionSql, { labels, choice, value, average }: SqlOptions): string {
  // Each bucket is one profile of its series.
  const at =
    `least(greatest(ceil((toUnixTimestamp(time) * 1000. + ${BUCKET_MS} - {start:Float64}) / {step:Float64}), 0), {last:UInt32})`;
  const inTime = `toUnixTimestamp(time) * 1000. + ${BUCKET_MS} > {start:Float64} - {step:Float64}`;
  const sums = choice === "true"
    ? `SELECT toUInt32(${at}) AS at, series, sum(rows.${value}) AS own, uniqExact(time) AS profiles
FROM (${selected.totals}) AS rows WHERE ${inTime} GROUP BY at, series`
    : chosenSums(selected, { at, inTime, choice, value });
  const named = labels.length > 0
    // Called otherwise within, as conditions on labels of pods name the column.
    ? `SELECT series, texts AS labels FROM (SELECT hash AS series, [${
      labels.join(", ")
    }] AS texts FROM series WHERE ${selected.series})`
    : "";
  const grouped = named === ""
    ? `SELECT CAST([], 'Array(String)') AS labels, at, sum(own) AS value, sum(profiles) AS of_profiles FROM (${sums}) GROUP BY at`
    : `SELECT labels, at, sum(own) AS value, sum(profiles) AS of_profiles
FROM (${sums}) AS sums LEFT ANY JOIN (${named}) AS names USING series GROUP BY labels, at`;
  return `
SELECT labels, arraySort(groupArray((at, ${average ? "value / of_profiles" : "toFloat64(value)"}))) AS points,
    sum(value) AS whole, count() OVER () AS of
FROM (${grouped}) WHERE value > 0
GROUP BY labels
ORDER BY whole DESC, labels
LIMIT {limit:UInt32}`;
}

/** Sums only stacks that are chosen. */
function chosenSums(
  { samples }: SelectionSql,
  { at, inTime, choice, value }: { at: string; inTime: string } & Pick<SqlOptions, "choice" | "value">,
): string {
  const weights =
    `SELECT stack, groupArray(at) AS ats, groupArray(series) AS of_series, groupArray(own) AS owns,
    groupArray(profiles) AS counts
FROM (SELECT stack, toUInt32(${at}) AS at, series, sum(rows.${value}) AS own, uniqExact(time) AS profiles
    FROM (${samples}) AS rows WHERE ${inTime} GROUP BY stack, at, series)
GROUP BY stack`;
  const keys = stackKeysSql({ weights, carry: ["ats", "of_series", "owns", "counts"] });
  return `SELECT at, series, sum(own_of) AS own, max(profiles_of) AS profiles
FROM (SELECT * FROM (${keys}) WHERE ${choice})
ARRAY JOIN ats AS at, of_series AS series, owns AS own_of, counts AS profiles_of
GROUP BY at, series`;
}
