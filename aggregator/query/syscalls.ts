// SPDX-License-Identifier: Apache-2.0
/**
 * Answers system calls: how many, how long, how many failed and why.
 *
 * @module
 */

import type { AnyLabel } from "./matchers.ts";
import { hiddenTotal } from "./hidden.ts";
import { addSparse, quantilesOf, type SparseHistogram } from "./histograms.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql, selectionSql } from "./selection.ts";
import { slowCalls, slowKey } from "./slow_calls.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import type { Selection } from "./asked.ts";
import type { SlowCalls, SyscallRow, SyscallsAnswer, SyscallsOptions } from "./wait_answers.ts";

const COLUMNS =
  "time, node, series, call, category, syscalls.count AS calls_of, total, syscalls.min AS min, " +
  "syscalls.max AS max, errors, histogram, syscalls.open AS open_of, oldest";

const sql = (
  { calls, where, atEnd, series }: { calls: string; where: string; atEnd: string; series: string },
  labels: readonly AnyLabel[],
) => {
  const names = labels.map((_, i) => `label_${i}`);
  const keys = [...names, "call", "category"];
  const sums = `FROM
(
    SELECT
        series,
        call,
        category,
        sum(syscalls.calls_of) AS own_count,
        sum(syscalls.total) AS own_total,
        minIf(syscalls.min, syscalls.calls_of > 0) AS own_min,
        countIf(syscalls.calls_of > 0) AS ended,
        -- Equal rows of one bucket may not be merged yet: the most of them is how many were open.
        maxIf(syscalls.open_of, ${atEnd}) AS own_open,
        maxIf(syscalls.oldest, ${atEnd}) AS own_oldest,
        max(syscalls.max) AS own_max,
        sumMap(syscalls.errors) AS own_errors,
        sumMap(syscalls.histogram) AS own_histogram
    FROM (${calls}) AS syscalls
    WHERE ${where}
    GROUP BY series, call, category
) AS sums`;
  const named = labels.map((label, i) => `, ${labelSql(label)} AS label_${i}`).join("");
  const join = labels.length > 0
    ? `LEFT ANY JOIN (SELECT hash AS series${named} FROM series WHERE ${series}) AS labels USING series`
    : "";
  return `
SELECT
    ${names.map((name) => `${name},`).join(" ")}
    toString(call) AS call_name,
    toString(category) AS category_name,
    sum(own_count) AS calls,
    sum(own_total) AS total_ns,
    minIf(own_min, ended > 0) AS min_ns,
    max(own_max) AS max_ns,
    sum(own_open) AS open,
    max(own_oldest) AS oldest_ns,
    sumMap(own_errors) AS errors,
    sumMap(own_histogram) AS histogram,
    sum(calls) OVER () AS all_calls,
    sum(total_ns) OVER () AS all_ns
${sums}
${join}
GROUP BY ${keys.join(", ")}
ORDER BY total_ns DESC, calls DESC, ${keys.join(", ")}
LIMIT {limit:UInt32}`;
};

/** 64-bit numbers are decimal text. */
type Row = Readonly<Record<`label_${number}`, string>> & {
  readonly call_name: string;
  readonly category_name: string;
  readonly calls: string;
  readonly total_ns: string;
  readonly min_ns: string;
  readonly max_ns: string;
  readonly errors: Readonly<Record<string, string>>;
  readonly histogram: SparseHistogram;
  readonly open: string;
  readonly oldest_ns: string;
  readonly all_calls: string;
  readonly all_ns: string;
};

/**
 * Asks for the `limit` calls that took longest in `selection`, whose kind does not matter.
 *
 * @param options.limit @default {100}
 * @throws {RangeError} when the selection, a label or the limit makes no sense
 * @throws {StorageError}
 */
export async function syscalls(
  question: Question,
  selection: Selection,
  { groupBy = [], calls, categories, limit = 100, objects = 5 }: SyscallsOptions = {},
): Promise<SyscallsAnswer> {
  const labels = [...new Set(groupBy)];
  const selected = selectionSql(selection, { oldest: question.oldest });
  const { series, busy, atEnd } = selected;
  const where = [
    // Who names categories or calls wants those, idle or not.
    calls || categories ? "true" : busy.syscalls,
    calls ? "call IN {calls:Array(String)}" : "true",
    categories ? "category IN {categories:Array(String)}" : "true",
  ].join(" AND ");
  const params = {
    ...selected.params,
    ...(calls && { calls: [...calls] }),
    ...(categories && { categories: [...categories] }),
  };
  const rows = await question.rows<Row>(
    sql({ calls: selected.rows("syscalls", COLUMNS), where, atEnd, series }, labels),
    { ...params, limit: checkLimit(limit) },
  );
  const first = rows[0];
  const total = first ? toTotal(first.all_ns, first.all_calls) : NO_TOTAL;
  const slow = await slowCalls(question, { ...selected, params }, {
    ...{ labels, where, objects: checkLimit(objects) },
    shown: [...new Set(rows.map(({ call_name }) => call_name))],
  });
  return {
    rows: rows.map((row) => {
      return { ...toRow(row, groupBy, labels), slow: slow.get(slowKey(row, labels.length)) ?? NO_SLOW_CALLS };
    }),
    total,
    other: first
      ? rest([first.all_ns, first.all_calls], rows.map((row) => [row.total_ns, row.calls]))
      : NO_TOTAL,
    hidden: calls || categories
      ? NO_TOTAL
      : await hiddenTotal(question, { ...selection, kind: "syscall" }, total),
    cost: question.cost,
  };
}

const NO_SLOW_CALLS: SlowCalls = {
  ...{ total: NO_TOTAL, onCpu: 0, inLock: 0, blocked: 0 },
  ...{ objects: [], otherObjects: NO_TOTAL },
};

function toRow(
  row: Row,
  groupBy: readonly AnyLabel[],
  labels: readonly AnyLabel[],
): Omit<SyscallRow, "slow"> {
  const errors = new Map(
    Object.entries(row.errors).map(([errno, failed]) => [Number(errno), Number(failed)]),
  );
  const histogram: number[] = [];
  addSparse(histogram, row.histogram);
  const [min, max] = [Number(row.min_ns), Number(row.max_ns)];
  return {
    group: groupBy.map((label) => row[`label_${labels.indexOf(label)}`]!),
    call: row.call_name,
    category: row.category_name,
    total: toTotal(row.total_ns, row.calls),
    ...{ min, max, ...quantilesOf(histogram, { min, max }) },
    open: Number(row.open),
    oldest: Number(row.oldest_ns),
    failed: errors.values().reduce((sum, failed) => sum + failed, 0),
    errors,
    histogram,
  };
}
