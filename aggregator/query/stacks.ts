// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the largest stacks of a selection.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import type { Question } from "./question.ts";
import { fetchContent, framesOf, MISSING_FRAME } from "./content.ts";
import { checkLimit, selectionSql } from "./selection.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import type { CommonOptions, Selection } from "./asked.ts";
import type { StacksAnswer } from "./stack_answers.ts";

/** Samples are summed by their own key first: it is the smallest form, and the names join what is left. */
const sql = (samples: string, series: string) => `
SELECT
    process,
    comm,
    stack,
    sum(series_value) AS value,
    sum(series_count) AS count,
    sum(value) OVER () AS all_value,
    sum(count) OVER () AS all_count
FROM
(
    SELECT series, stack, sum(samples.value) AS series_value, sum(samples.count) AS series_count
    FROM (${samples}) AS samples
    GROUP BY series, stack
) AS sums
LEFT ANY JOIN
(
    SELECT hash AS series, toString(process) AS process, toString(comm) AS comm FROM series WHERE ${series}
) AS labels
USING series
GROUP BY process, comm, stack
ORDER BY value DESC, count DESC, process, comm, stack
LIMIT {limit:UInt32}`;

/** 64-bit numbers are decimal text. */
interface Row {
  readonly process: string;
  readonly comm: string;
  readonly stack: string;
  readonly value: string;
  readonly count: string;
  readonly all_value: string;
  readonly all_count: string;
}

/**
 * Asks for the `limit` largest of (process, thread's name, stack) in `selection`, by value.
 *
 * @param options.limit @default {10000}
 * @throws {RangeError} when the selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function stacks(
  question: Question,
  selection: Selection,
  { limit = 10_000 }: CommonOptions = {},
): Promise<StacksAnswer> {
  const { samples, series, params } = selectionSql(selection, { oldest: question.oldest });
  const rows = await question.rows<Row>(sql(samples, series), { ...params, limit: checkLimit(limit) });
  const content = await fetchContent(question, rows.map(({ stack }) => stack));
  const builder = new ProfileBuilder();
  for (const { process, comm, stack, value, count } of rows) {
    const frames = content.stacks.has(stack) ? framesOf(content, stack) : [MISSING_FRAME];
    const row = builder.stack(frames.map((frame) => builder.frame(frame)));
    builder.add(selection.kind, builder.series({ process, comm }), row, Number(value), Number(count));
  }
  const [first] = rows;
  const all = first ? [first.all_value, first.all_count] as const : undefined;
  return {
    profile: builder.build(),
    total: all ? toTotal(...all) : NO_TOTAL,
    other: all ? rest(all, rows.map(({ value, count }) => [value, count])) : NO_TOTAL,
    cost: question.cost,
  };
}
