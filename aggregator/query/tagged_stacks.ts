// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the largest stacks with what they waited for, for files of other tools.
 *
 * @module
 */

import type { AnyLabel } from "./matchers.ts";
import type { Question } from "./question.ts";
import { fetchContent, framesOf, MISSING_FRAME } from "./content.ts";
import { lockRowsSql } from "./lock_rows.ts";
import { checkLimit, labelSql, type SelectionSql, selectionSql } from "./selection.ts";
import { stackChoice } from "./stack_choice.ts";
import { stackKeysSql } from "./stack_keys.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import { SYSCALL_MODULE } from "../../profile/model.ts";
import { siteFrame } from "../../profile/lock_site.ts";
import type { TaggedStack } from "../../profile/tagged.ts";
import type { Selection } from "./asked.ts";
import type { TaggedStacksAnswer, TaggedStacksOptions } from "./stack_answers.ts";

/** 64-bit numbers are decimal text. */
interface Row {
  readonly stack: string;
  readonly labels: readonly string[];
  readonly class_name: string;
  readonly type_name: string;
  readonly outcome_name: string;
  readonly other_stack: string;
  readonly value: string;
  readonly count: string;
  readonly all_value: string;
  readonly all_count: string;
}

/**
 * Asks for the `limit` largest of (labels, stack) in `selection`, by value. Tags are the labels; of kind lock
 * `lock_class`, `lock_type`, `outcome`, and `holder` or `waiter`, the function of the other side; of kind syscall
 * `syscall`.
 *
 * @param options.limit @default {10000}
 * @throws {RangeError} when the selection, a label or the limit makes no sense
 * @throws {StorageError}
 */
export async function taggedStacks(
  question: Question,
  selection: Selection,
  { limit = 10_000, labels = [], choice: wanted }: TaggedStacksOptions = {},
): Promise<TaggedStacksAnswer> {
  const selected = selectionSql(selection, { oldest: question.oldest });
  const choice = await stackChoice(question, wanted);
  const rows = await question.rows<Row>(sql(selection, selected, { labels, choice: choice.sql }), {
    ...selected.params,
    ...choice.params,
    limit: checkLimit(limit),
  });
  const hashes = rows.flatMap(({ stack, other_stack }) => [stack, other_stack]);
  const content = await fetchContent(question, hashes.filter((hash) => hash !== NOBODY));
  const frames = (stack: string) => content.stacks.has(stack) ? framesOf(content, stack) : [MISSING_FRAME];
  const first = rows[0];
  return {
    stacks: rows.map((row): TaggedStack => {
      const own = frames(row.stack);
      const tags: Record<string, string> = Object.fromEntries(
        labels.map((label, i) => [label.replace(/^own:/, ""), row.labels[i]!]),
      );
      if (selection.kind === "lock") {
        tags.lock_class = row.class_name;
        tags.lock_type = row.type_name;
        tags.outcome = row.outcome_name;
        const other = row.other_stack === NOBODY
          ? undefined
          : siteFrame(frames(row.other_stack), row.type_name);
        if (other) tags[selection.holders ? "waiter" : "holder"] = other.function;
      } else if (selection.kind === "syscall" && own[0]?.module === SYSCALL_MODULE) {
        tags.syscall = own[0].function;
      }
      return {
        frames: own,
        tags: Object.fromEntries(Object.entries(tags).filter(([, text]) => text !== "")),
        total: toTotal(row.value, row.count),
      };
    }),
    total: first ? toTotal(first.all_value, first.all_count) : NO_TOTAL,
    other: first
      ? rest([first.all_value, first.all_count], rows.map(({ value, count }) => [value, count]))
      : NO_TOTAL,
    cost: question.cost,
  };
}

/** Is the hash of a stack that was not seen. */
const NOBODY = "0";

function sql(
  selection: Selection,
  selected: SelectionSql,
  { labels, choice }: { labels: readonly AnyLabel[]; choice: string },
): string {
  const source = selection.kind === "lock"
    ? lockRowsSql(selected, selection)
    : `SELECT series, stack AS own_stack, '' AS class_name, '' AS type_name, '' AS outcome_name, toUInt64(0) AS other_stack,
    value AS v, count AS n
FROM (${selected.samples}) AS samples`;
  const keys = "own_stack, class_name, type_name, outcome_name, other_stack";
  const labelled = labels.length > 0
    ? `SELECT ${keys}, labels, v, n
FROM (SELECT series, ${keys}, sum(v) AS v, sum(n) AS n FROM (${source}) GROUP BY series, ${keys}) AS sums
LEFT ANY JOIN (SELECT series, texts AS labels FROM (SELECT hash AS series, [${
      labels.map(labelSql).join(", ")
    }] AS texts FROM series WHERE ${selected.series}))
AS names USING series`
    : `SELECT ${keys}, CAST([], 'Array(String)') AS labels, v, n FROM (${source})`;
  const chosen = choice === "true" ? "" : `WHERE own_stack IN (SELECT stack FROM (${
    stackKeysSql({
      weights: `SELECT DISTINCT own_stack AS stack FROM (${source})`,
      carry: [],
    })
  }) WHERE ${choice})`;
  return `
SELECT own_stack AS stack, labels, class_name, type_name, outcome_name, other_stack, sum(v) AS value, sum(n) AS count,
    sum(value) OVER () AS all_value, sum(count) OVER () AS all_count
FROM (${labelled}) ${chosen}
GROUP BY ${keys}, labels
ORDER BY value DESC, count DESC, ${keys}, labels
LIMIT {limit:UInt32}`;
}
