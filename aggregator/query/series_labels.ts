// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the labels of series that have samples, without their sums: for menus.
 *
 * @module
 */

import { LABELS } from "../../profile/labels.ts";
import { isOwnLabel } from "./matchers.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql, selectionSql } from "./selection.ts";
import type { Selection } from "./asked.ts";
import type { SeriesLabelsAnswer, SeriesLabelsOptions } from "./series_answers.ts";

/** Is the column of all labels that are no columns of their own. */
const OWN = "own_labels";

/**
 * Asks for the distinct tuples of labels of the series of `selections`. It reads sums of series, and no stacks.
 *
 * @param options.limit @default {10000}
 * @throws {RangeError} when a label, a selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function seriesLabels(
  question: Question,
  selections: readonly Selection[],
  { names = [], limit = 10_000 }: SeriesLabelsOptions = {},
): Promise<SeriesLabelsAnswer> {
  if (selections.length === 0) return { rows: [], cost: question.cost };
  const all = names.length === 0;
  const labels = all ? LABELS : [...new Set(names)];
  const columns = [
    ...labels.map((label, i) => `${labelSql(label)} AS label_${i}`),
    ...(all ? [`mapFilter((key, value) -> value != '', labels) AS ${OWN}`] : []),
  ];
  const parts = selections.map((selection, of) => {
    const { totals, series, params } = selectionSql(selection, {
      oldest: question.oldest,
      prefix: `of_${of}_`,
    });
    const sql = `SELECT DISTINCT ${of} AS of, ${columns.join(", ")} FROM series
WHERE ${series} AND hash IN (SELECT series FROM (${totals}) AS totals WHERE value > 0 OR count > 0)`;
    return { sql, params };
  });
  type Row = Readonly<Record<string, string>> & {
    readonly of: number;
    readonly own_labels?: Readonly<Record<string, string>>;
  };
  const rows = await question.rows<Row>(
    `SELECT * FROM (${parts.map(({ sql }) => sql).join("\nUNION ALL\n")}) LIMIT {limit:UInt32}`,
    Object.assign({ limit: checkLimit(limit) }, ...parts.map(({ params }) => params)),
  );
  return {
    rows: rows.map(({ of, own_labels = {}, ...row }) => {
      const own = labels.map((label, i): [string, string] => [
        isOwnLabel(label) ? label.slice("own:".length) : label,
        row[`label_${i}`]!,
      ]);
      // A label of a pod does not hide what all series have.
      return {
        of,
        labels: { ...own_labels, ...Object.fromEntries(own.filter(([, value]) => value !== "")) },
      };
    }),
    cost: question.cost,
  };
}
