/**
 * System calls: how many, how long, how many failed and why.
 *
 * @module
 */

import { quantile } from "../../profile/histogram.ts";
import type { StorageClient } from "../storage/client.ts";
import { checkLimit, labelSql, type SelectionSql, selectionSql } from "./selection.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import type { Label, Selection, SyscallRow, SyscallsAnswer } from "./types.ts";

export interface SyscallsOptions {
  /** Labels that calls are told apart by, beside their name. @default {[]} */
  readonly groupBy?: readonly Label[];
  /** Only calls of these names. @default {all} */
  readonly calls?: readonly string[];
  /** Only calls of these categories. @default {all} */
  readonly categories?: readonly string[];
  /** @default {100} */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

const sql = ({ where, series }: SelectionSql, labels: readonly Label[]) => {
  const names = labels.map((label) => `label_${label}`);
  const keys = [...names, "call", "category"];
  const sums = `FROM
(
    SELECT
        ${labels.length > 0 ? "series," : ""}
        call,
        category,
        sum(syscalls.count) AS own_count,
        sum(syscalls.total) AS own_total,
        min(syscalls.min) AS own_min,
        max(syscalls.max) AS own_max,
        sumMap(syscalls.errors) AS own_errors,
        sumMap(syscalls.histogram) AS own_histogram
    FROM syscalls
    WHERE ${where}
    GROUP BY ${labels.length > 0 ? "series," : ""} call, category
) AS sums`;
  const named = labels.map((label) => `, ${labelSql(label)} AS label_${label}`).join("");
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
type Row = Readonly<Record<`label_${Label}`, string>> & {
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
 * The `limit` calls that took longest in `selection`, whose kind does not matter.
 *
 * @throws {RangeError} when the selection, a label or the limit makes no sense
 * @throws {StorageError}
 */
export async function syscalls(
  client: StorageClient,
  selection: Selection,
  { groupBy = [], calls, categories, limit = 100, signal }: SyscallsOptions = {},
): Promise<SyscallsAnswer> {
  const labels = [...new Set(groupBy)];
  const selected = selectionSql(selection);
  const where = [
    selected.where,
    // Who names categories or calls wants those, idle or not.
    calls || categories ? "true" : selected.busy.syscalls,
    calls ? "call IN {calls:Array(String)}" : "true",
    categories ? "category IN {categories:Array(String)}" : "true",
  ].join(" AND ");
  const rows = await client.rows<Row>(sql({ ...selected, where }, labels), {
    params: {
      ...selected.params,
      ...(calls && { calls: [...calls] }),
      ...(categories && { categories: [...categories] }),
      limit: checkLimit(limit),
    },
    signal,
  });
  const first = rows[0];
  if (!first) return { rows: [], total: NO_TOTAL, other: NO_TOTAL };
  return {
    rows: rows.map((row) => toRow(row, groupBy)),
    total: toTotal(first.all_ns, first.all_calls),
    other: rest([first.all_ns, first.all_calls], rows.map((row) => [row.total_ns, row.calls])),
  };
}

function toRow(row: Row, groupBy: readonly Label[]): SyscallRow {
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
    group: groupBy.map((label) => row[`label_${label}`]),
    call: row.call_name,
    category: row.category_name,
    total: toTotal(row.total_ns, row.calls),
    ...{ min, max, p50: at(0.5), p90: at(0.9), p99: at(0.99) },
    failed: errors.values().reduce((sum, failed) => sum + failed, 0),
    errors,
    histogram: dense,
  };
}
