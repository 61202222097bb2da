// SPDX-License-Identifier: Apache-2.0
/**
 * Answers system calls: how many, how long, how many failed and why.
 *
 * @module
 */

import { quantile } from "../../profile/histogram.ts";
import type { AnyLabel } from "./matchers.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql, selectionSql } from "./selection.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import type { Selection, SyscallRow, SyscallsAnswer, SyscallsOptions } from "./types.ts";

const COLUMNS =
  "series, call, category, syscalls.count AS calls_of, total, syscalls.min AS min, syscalls.max AS max, " +
  "errors, histogram";

const sql = (
  { calls, where, series }: { calls: string; where: string; series: string },
  labels: readonly AnyLabel[],
) => {
  const names = labels.map((_, i) => `label_${i}`);
  const keys = [...names, "call", "category"];
  const sums = `FROM
(
    SELECT
        ${labels.length > 0 ? "series," : ""}
        call,
        category,
        sum(syscalls.calls_of) AS own_count,
        sum(syscalls.total) AS own_total,
        min(syscalls.min) AS own_min,
        max(syscalls.max) AS own_max,
        sumMap(syscalls.errors) AS own_errors,
        sumMap(syscalls.histogram) AS own_histogram
    FROM (${calls}) AS syscalls
    WHERE ${where}
    GROUP BY ${labels.length > 0 ? "series," : ""} call, category
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
    min(own_min) AS min_ns,
    max(own_max) AS max_ns,
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
  readonly histogram: Readonly<Record<string, string>>;
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
  { groupBy = [], calls, categories, limit = 100 }: SyscallsOptions = {},
): Promise<SyscallsAnswer> {
  const labels = [...new Set(groupBy)];
  const { params, series, busy, ...selected } = selectionSql(selection, { oldest: question.oldest });
  const where = [
    // Who names categories or calls wants those, idle or not.
    calls || categories ? "true" : busy.syscalls,
    calls ? "call IN {calls:Array(String)}" : "true",
    categories ? "category IN {categories:Array(String)}" : "true",
  ].join(" AND ");
  const rows = await question.rows<Row>(
    sql({ calls: selected.rows("syscalls", COLUMNS), where, series }, labels),
    {
      ...params,
      ...(calls && { calls: [...calls] }),
      ...(categories && { categories: [...categories] }),
      limit: checkLimit(limit),
    },
  );
  const first = rows[0];
  return {
    rows: rows.map((row) => toRow(row, groupBy, labels)),
    total: first ? toTotal(first.all_ns, first.all_calls) : NO_TOTAL,
    other: first
      ? rest([first.all_ns, first.all_calls], rows.map((row) => [row.total_ns, row.calls]))
      : NO_TOTAL,
    cost: question.cost,
  };
}

function toRow(row: Row, groupBy: readonly AnyLabel[], labels: readonly AnyLabel[]): SyscallRow {
  const errors = new Map(
    Object.entries(row.errors).map(([errno, failed]) => [Number(errno), Number(failed)]),
  );
  const histogram: number[] = [];
  for (const [bucket, calls] of Object.entries(row.histogram)) histogram[Number(bucket)] = Number(calls);
  const [min, max] = [Number(row.min_ns), Number(row.max_ns)];
  const dense = Array.from(histogram, (calls = 0) => calls);
  // A bucket is twice as wide as it begins; the calls in it are not beyond the shortest and the longest.
  const at = (q: number) => Math.min(Math.max(quantile(dense, q), min), max);
  return {
    group: groupBy.map((label) => row[`label_${labels.indexOf(label)}`]!),
    call: row.call_name,
    category: row.category_name,
    total: toTotal(row.total_ns, row.calls),
    ...{ min, max, p50: at(0.5), p90: at(0.9), p99: at(0.99) },
    failed: errors.values().reduce((sum, failed) => sum + failed, 0),
    errors,
    histogram: dense,
  };
}
