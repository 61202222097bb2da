// SPDX-License-Identifier: Apache-2.0
/**
 * Answers what stacks through one function or module weigh, of all that a selection has, by labels.
 *
 * @module
 */

import type { Question } from "../query/question.ts";
import { labelSql, type SelectionSql, selectionSql } from "../query/selection.ts";
import type { Selection } from "../query/asked.ts";
import type { AnyLabel } from "../query/matchers.ts";

export interface CodeWeightsOptions {
  readonly function?: string | undefined;
  readonly module?: string | undefined;
  readonly of: "self" | "total";
  /** Asks, of kind lock, how long locks were held for which others waited, rather than how long was waited. @default {false} */
  readonly holds?: boolean;
  /** Names, of kind lock, what the lock is for. */
  readonly class?: string | undefined;
  readonly labels: readonly AnyLabel[];
  /** At most so many groups, those with most first. */
  readonly limit: number;
}

/** Holds one group: what it has in all, and of that through the code; values in ns. */
export interface CodeWeights {
  readonly labels: readonly string[];
  readonly value: number;
  readonly count: number;
  readonly hitValue: number;
  readonly hitCount: number;
  /** Is the longest wait; 0 of other kinds. */
  readonly hitMax: number;
}

export interface CodeWeightsAnswer {
  readonly rows: readonly CodeWeights[];
  /** Counts the groups beyond the limit. */
  readonly cut: number;
}

const FUNCTION_KEYS = `
WITH (
    SELECT groupUniqArray(key) FROM functions
    WHERE name = {function:String} AND ({module:String} = '' OR module = {module:String})
) AS keys`;

/** Selects locations that have one of the keys by their best names: those that may have it are found first. */
const functionLocations = (self: boolean) => `
SELECT location
FROM
(
    SELECT location, argMax(functions, (rank, day)) AS best
    FROM symbols
    WHERE location IN (SELECT location FROM symbols WHERE hasAny(functions, keys))
    GROUP BY location
)
WHERE ${self ? "has(keys, best[1])" : "hasAny(best, keys)"}`;

const MODULE_LOCATIONS = `SELECT hash FROM locations WHERE module = {module:String}`;

/** Selects stacks that have one of the locations, of those that were seen since the selection began. */
const stacksOf = (locations: string, self: boolean) => `
SELECT hash FROM stacks
WHERE day >= toDate(toDateTime({from:UInt32}, 'UTC')) AND ${
  self ? `locations[1] IN (${locations})` : `arrayExists(location -> location IN (${locations}), locations)`
}`;

const sql = (
  { rows, hit, labels, series }: { rows: string; hit: string; labels: readonly AnyLabel[]; series: string },
) => {
  const names = labels.map((_, i) => `label_${i}`);
  const named = labels.map((label, i) => `, ${labelSql(label)} AS label_${i}`).join("");
  const join = labels.length > 0
    ? `LEFT ANY JOIN (SELECT hash AS series${named} FROM series WHERE ${series}) AS labels USING series`
    : "";
  return `
SELECT ${names.map((name) => `${name}, `).join("")}
    sum(own_value) AS value, sum(own_count) AS count,
    sumIf(own_value, hit) AS hit_value, sumIf(own_count, hit) AS hit_count, maxIf(own_max, hit) AS hit_max,
    count() OVER () AS group_count
FROM
(
    SELECT series, ${hit} AS hit, sum(weights.value) AS own_value, sum(weights.count) AS own_count, max(weights.longest) AS own_max
    FROM (${rows}) AS weights
    GROUP BY series, hit
) AS sums
${join}
${labels.length > 0 ? `GROUP BY ${names.join(", ")}` : ""}
ORDER BY value DESC${names.map((name) => `, ${name}`).join("")}
LIMIT {limit:UInt32}`;
};

type Row = Readonly<Record<`label_${number}`, string>> & {
  readonly value: string;
  readonly count: string;
  readonly hit_value: string;
  readonly hit_count: string;
  readonly hit_max: string;
  readonly group_count: string;
};

/**
 * Asks for the groups of `selection` that weigh most; without labels it is one, even of nothing. Waits of locks count
 * that were woken and that go on, as in a graph.
 *
 * @throws {RangeError} when the selection makes no sense
 * @throws {StorageError}
 */
export async function codeWeights(
  question: Question,
  selection: Selection,
  { function: fn, module, of, holds = false, class: lock, labels, limit }: CodeWeightsOptions,
): Promise<CodeWeightsAnswer> {
  const selected = selectionSql(selection, { oldest: question.oldest });
  const self = of === "self";
  const all = fn === undefined && module === undefined;
  const locations = fn === undefined ? MODULE_LOCATIONS : functionLocations(self);
  const hit = all ? "true" : `stack IN (${stacksOf(locations, self)})`;
  const rows = rowsOf(selected, { kind: selection.kind, holds, class: lock });
  const answer = await question.rows<Row>(
    `${fn === undefined ? "" : FUNCTION_KEYS}${sql({ rows, hit, labels, series: selected.series })}`,
    {
      ...selected.params,
      module: module ?? "",
      function: fn ?? "",
      class: lock ?? "",
      limit,
    },
  );
  return {
    rows: answer.map((row) => ({
      labels: labels.map((_, i) => row[`label_${i}`]!),
      value: Number(row.value),
      count: Number(row.count),
      hitValue: Number(row.hit_value),
      hitCount: Number(row.hit_count),
      hitMax: Number(row.hit_max),
    })),
    cut: Math.max(0, Number(answer[0]?.group_count ?? 0) - answer.length),
  };
}

/** Makes a query of `series`, `stack`, `value`, `count` and `longest` of what is weighed. */
function rowsOf(
  selected: SelectionSql,
  { kind, holds, class: lock }: { kind: Selection["kind"]; holds: boolean; class: string | undefined },
): string {
  if (kind !== "lock") {
    return `SELECT series, stack, value, count, toUInt64(0) AS longest FROM (${selected.samples})`;
  }
  const chosen = lock === undefined ? selected.busy.locks : "class = {class:String}";
  if (holds) {
    return `SELECT series, stack, total AS value, times AS count, max AS longest
FROM (${selected.rows("holds", "series, stack, class, total, holds.count AS times, holds.max AS max")})
WHERE ${chosen}`;
  }
  return `SELECT series, stack, delay AS value, if(outcome = 'woken', waits, 0) AS count, max AS longest
FROM (${
    selected.rows("locks", "series, stack, class, outcome, delay, locks.count AS waits, locks.max AS max")
  })
WHERE outcome IN ('woken', 'open') AND ${chosen}`;
}
