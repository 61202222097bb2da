// SPDX-License-Identifier: Apache-2.0
/**
 * Answers what slow calls were made on, and what their threads did meanwhile.
 *
 * @module
 */

import type { AnyLabel } from "./matchers.ts";
import type { Question } from "./question.ts";
import { labelSql, type SelectionSql } from "./selection.ts";
import { rest, toTotal } from "./totals.ts";
import type { SlowCalls, SlowObject } from "./wait_answers.ts";

const COLUMNS = "series, call, category, object, slow_calls.count AS calls_of, total, on_cpu, in_lock, " +
  "slow_calls.max AS max";

const sql = (
  { rows, series, where }: SelectionSql & { readonly where: string },
  labels: readonly AnyLabel[],
) => {
  const keys = [...labels.map((_, i) => `label_${i}`), "call", "category"];
  const named = labels.map((label, i) => `, ${labelSql(label)} AS label_${i}`).join("");
  const join = labels.length > 0
    ? `LEFT ANY JOIN (SELECT hash AS series${named} FROM series WHERE ${series}) AS labels USING series`
    : "";
  const all = (sum: string) => `sum(${sum}) OVER (PARTITION BY ${keys.join(", ")})`;
  return `
SELECT
    ${labels.map((_, i) => `label_${i},`).join(" ")}
    toString(call) AS call_name,
    toString(category) AS category_name,
    object,
    sum(own_count) AS calls,
    sum(own_total) AS total_ns,
    max(own_max) AS max_ns,
    ${all("calls")} AS all_calls,
    ${all("total_ns")} AS all_ns,
    ${all("sum(own_on_cpu)")} AS on_cpu_ns,
    ${all("sum(own_in_lock)")} AS in_lock_ns
FROM
(
    SELECT
        ${labels.length > 0 ? "series," : ""}
        call,
        category,
        object,
        sum(slow_calls.calls_of) AS own_count,
        sum(slow_calls.total) AS own_total,
        sum(slow_calls.on_cpu) AS own_on_cpu,
        sum(slow_calls.in_lock) AS own_in_lock,
        max(slow_calls.max) AS own_max
    FROM (${rows("slow_calls", COLUMNS)}) AS slow_calls
    WHERE ${where} AND call IN {shown:Array(String)}
    GROUP BY ${labels.length > 0 ? "series," : ""} call, category, object
) AS sums
${join}
GROUP BY ${keys.join(", ")}, object
ORDER BY total_ns DESC, calls DESC, object
LIMIT {objects:UInt32} BY ${keys.join(", ")}`;
};

/** 64-bit numbers are decimal text. */
type Row = Readonly<Record<`label_${number}`, string>> & {
  readonly call_name: string;
  readonly category_name: string;
  readonly object: string;
  readonly calls: string;
  readonly total_ns: string;
  readonly max_ns: string;
  readonly all_calls: string;
  readonly all_ns: string;
  readonly on_cpu_ns: string;
  readonly in_lock_ns: string;
};

export interface SlowCallsOptions {
  readonly labels: readonly AnyLabel[];
  /** Is a condition on `call` and `category`. */
  readonly where: string;
  /** Names the calls that are asked for. */
  readonly shown: readonly string[];
  /** Says how many objects each has. */
  readonly objects: number;
}

/**
 * Asks for the slow calls of the selection, by {@linkcode slowKey}.
 *
 * @throws {StorageError}
 */
export async function slowCalls(
  question: Question,
  selected: SelectionSql,
  { labels, where, shown, objects }: SlowCallsOptions,
): Promise<Map<string, SlowCalls>> {
  if (shown.length === 0) return new Map();
  const rows = await question.rows<Row>(sql({ ...selected, where }, labels), {
    ...selected.params,
    shown,
    objects,
  });
  const groups = Map.groupBy(rows, (row) => slowKey(row, labels.length));
  return new Map(groups.entries().map(([key, own]) => [key, toSlowCalls(own)]));
}

/** Names the group of a row: the values of so many labels, its call and category. */
export function slowKey(
  row: Pick<Row, `label_${number}` | "call_name" | "category_name">,
  labels: number,
): string {
  const values = Array.from({ length: labels }, (_, i) => row[`label_${i}`]!);
  return [...values, row.call_name, row.category_name].join("\0");
}

function toSlowCalls(rows: readonly Row[]): SlowCalls {
  const { all_ns, all_calls, on_cpu_ns, in_lock_ns } = rows[0]!;
  const [onCpu, inLock] = [Number(on_cpu_ns), Number(in_lock_ns)];
  return {
    total: toTotal(all_ns, all_calls),
    ...{ onCpu, inLock, blocked: Number(all_ns) - onCpu - inLock },
    objects: rows.map(({ object, total_ns, calls, max_ns }): SlowObject => {
      return { object, total: toTotal(total_ns, calls), max: Number(max_ns) };
    }),
    otherObjects: rest([all_ns, all_calls], rows.map(({ total_ns, calls }) => [total_ns, calls])),
  };
}
