// SPDX-License-Identifier: Apache-2.0
/**
 * Answers a selection's values summed by function, module, file or line, by labels, or by both.
 *
 * @module
 */

import { aggregateWaits } from "./aggregate_waits.ts";
import { isLabel } from "./matchers.ts";
import {
  fileNames,
  functionNames,
  lineNames,
  MISSING,
  moduleNames,
  type Name,
  type Place,
  placeNames,
} from "./names.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql, type SelectionSql, selectionSql } from "./selection.ts";
import { spreadSql } from "./spread.ts";
import type { KeyedBy } from "./stack_keys.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import {
  type AggregateAnswer,
  type AggregateRow,
  CODE_GROUPS,
  type CodeGroup,
  type GroupBy,
  GroupsError,
  isWaitGroup,
} from "./stack_answers.ts";
import type { CommonOptions, Selection } from "./asked.ts";
import type { AnyLabel } from "./matchers.ts";

/** Is a row of either statement; 64-bit numbers are decimal text. */
type Row = Readonly<Record<string, string>> & {
  readonly key: string;
  readonly self_value: string;
  readonly self_count: string;
  readonly total_value: string;
  readonly total_count: string;
  readonly all_value: string;
  readonly all_count: string;
};

/** Makes the statement by labels alone: no stack is looked at, and self is total. */
const labelsSql = (weights: string, labels: readonly string[]) => `
SELECT
    ${labels.join(", ")},
    sum(value) AS self_value,
    sum(count) AS self_count,
    self_value AS total_value,
    self_count AS total_count,
    sum(self_value) OVER () AS all_value,
    sum(self_count) OVER () AS all_count
FROM (${weights})
GROUP BY ${labels.join(", ")}
ORDER BY self_value DESC, self_count DESC, ${labels.join(", ")}
LIMIT {limit:UInt32}`;

/** Makes the statement of up to the limit of rows of each sort: those of functions, and those with the sums of all. */
const codeSql = (spread: string, labels: readonly string[]) => `
SELECT
    *,
    sumIf(total_value, is_all) OVER () AS all_value,
    sumIf(total_count, is_all) OVER () AS all_count
FROM (${spread})
ORDER BY ${
  ["self_value DESC", "total_value DESC", "self_count DESC", "total_count DESC", ...labels, "key"].join(", ")
}
LIMIT {limit:UInt32} BY is_all`;

type Names = Map<string, Name & Partial<Place>>;

const NAMES: Readonly<Record<KeyedBy, (question: Question, keys: Iterable<string>) => Promise<Names>>> = {
  function: functionNames,
  module: moduleNames,
  file: fileNames,
  line: lineNames,
  function_file: (question, keys) => placeNames(question, keys, "function_file"),
  function_line: (question, keys) => placeNames(question, keys, "function_line"),
};

/**
 * Asks for the `limit` largest groups of `selection` by their self value, then by their total. Of functions, modules,
 * files and lines one can be a group, beside labels, and functions by their files or lines; and what waits and calls are,
 * see {@linkcode aggregateWaits}.
 *
 * @param options.groupBy @default {["function"]}
 * @param options.limit @default {100}
 * @throws {GroupsError} when a kind has no such groups, or not at once
 * @throws {RangeError} when the selection, a group or the limit makes no sense
 * @throws {StorageError}
 */
export async function aggregate(
  question: Question,
  selection: Selection,
  { groupBy = ["function"], limit = 100 }: CommonOptions & { groupBy?: readonly GroupBy[] } = {},
): Promise<AggregateAnswer> {
  const groups = groupBy.length > 0 ? groupBy : ["function"] as const;
  if (groups.some(isWaitGroup)) return await aggregateWaits(question, selection, { groupBy: groups, limit });
  const code = CODE_GROUPS.filter((each) => groups.includes(each));
  const by = keyedBy(code);
  const labels = [...new Set(groups)].filter((group) => !CODE_GROUPS.some((each) => each === group));
  const wrong = labels.find((label) => !isLabel(label));
  if (wrong !== undefined) labelSql(wrong as AnyLabel);
  const selected = selectionSql(selection, { oldest: question.oldest });
  const columns = labels.map((_, i) => `label_${i}`);
  const weights = weightsSql(selected, { labels: labels as AnyLabel[], stack: by !== undefined });
  const sql = by === undefined ? labelsSql(weights, columns) : codeSql(
    spreadSql({ weights, labels: columns, sums: ["value", "count"], by }),
    columns,
  );
  const rows = await question.rows<Row>(sql, { ...selected.params, limit: checkLimit(limit) });
  const first = rows[0];
  const shown = by === undefined ? rows : rows.filter((row) => !(row["is_all"] as unknown as boolean));
  const names = by === undefined
    ? new Map() as Names
    : await NAMES[by](question, shown.map(({ key }) => key));
  return {
    rows: shown.map((row): AggregateRow => {
      const found = by === undefined ? { name: "", module: "" } : names.get(row.key) ?? MISSING;
      const { module } = found;
      return {
        group: groups.map((group) =>
          CODE_GROUPS.some((each) => each === group)
            ? codeName(found, group as CodeGroup, by!)
            : row[`label_${labels.indexOf(group)}`]!
        ),
        module,
        self: toTotal(row.self_value, row.self_count),
        total: toTotal(row.total_value, row.total_count),
      };
    }),
    ...(by === "function" && { keys: shown.map(({ key }) => key) }),
    total: first ? toTotal(first.all_value, first.all_count) : NO_TOTAL,
    other: first
      ? rest(
        [first.all_value, first.all_count],
        shown.map(({ self_value, self_count }) => [self_value, self_count]),
      )
      : NO_TOTAL,
    cost: question.cost,
  };
}

/** Returns what stacks are keyed by for groups of code; `undefined` for none. @throws {GroupsError} */
function keyedBy(code: readonly CodeGroup[]): KeyedBy | undefined {
  if (!code.includes("function")) {
    if (code.length > 1) throw new GroupsError(`Cannot group by ${code.join(" and ")} at once`);
    return code[0];
  }
  // A function comes with its module, and a line with its file.
  return code.includes("line") ? "function_line" : code.includes("file") ? "function_file" : "function";
}

/** Returns what a row of what is keyed by `by` has for a group of code. */
function codeName(
  { name, module, file = "", line }: Name & Partial<Place>,
  group: CodeGroup,
  by: KeyedBy,
): string {
  if (group === "module") return module;
  if (group === "function" || group === by) return name;
  return group === "file" || file === "" ? file : `${file}:${line}`;
}

/**
 * Makes a query of the selection's sums by labels; with `stack`, of one row for each stack with arrays of labels and
 * sums.
 */
function weightsSql(
  selected: SelectionSql,
  { labels, stack }: { labels: readonly AnyLabel[]; stack: boolean },
): string {
  const { series } = selected;
  const source = stack ? selected.samples : selected.totals;
  const sums = "sum(samples.value) AS value, sum(samples.count) AS count";
  if (labels.length === 0) {
    return `SELECT stack, [sum(samples.value)] AS value, [sum(samples.count)] AS count
FROM (${source}) AS samples GROUP BY stack`;
  }
  const columns = labels.map((_, i) => `label_${i}`);
  const own = stack ? "series, stack" : "series";
  const named = labels.map((label, i) => `${labelSql(label)} AS label_${i}`).join(", ");
  const keys = [...(stack ? ["stack"] : []), ...columns].join(", ");
  const rows = `SELECT ${keys}, sum(sums.value) AS value, sum(sums.count) AS count
FROM (SELECT ${own}, ${sums} FROM (${source}) AS samples GROUP BY ${own}) AS sums
LEFT ANY JOIN (SELECT hash AS series, ${named} FROM series WHERE ${series}) AS labels USING series
GROUP BY ${keys}`;
  if (!stack) return rows;
  const arrays = [...columns, "value", "count"].map((column) => `groupArray(rows.${column}) AS ${column}`);
  return `SELECT stack, ${arrays.join(", ")} FROM (${rows}) AS rows GROUP BY stack`;
}
