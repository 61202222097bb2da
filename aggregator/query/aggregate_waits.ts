// SPDX-License-Identifier: Apache-2.0
/**
 * Answers waits and calls summed by what they were: the class of a lock, how a wait ended, who was waited for, the call.
 *
 * @module
 */

import { isProfileType } from "../../profile/profile_type.ts";
import type { CommonOptions, Selection } from "./asked.ts";
import { framesOfStacks, holderCode } from "./lock_holders.ts";
import { LOCK_TAGS, lockRowsSql } from "./lock_rows.ts";
import { type AnyLabel, isLabel } from "./matchers.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql, selectionSql } from "./selection.ts";
import {
  type AggregateAnswer,
  type GroupBy,
  GroupsError,
  isWaitGroup,
  type WaitGroup,
} from "./stack_answers.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";

/** So many stacks of the other side are looked at, those with most of the delay first; the rest is in `other`. */
const MAX_STACKS = 20_000;

/** 64-bit numbers are decimal text. */
type Row = Readonly<Record<string, string>> & {
  readonly value: string;
  readonly count: string;
  readonly all_value: string;
  readonly all_count: string;
};

/** Names the columns of the groups that are no stacks. */
const COLUMNS = { ...LOCK_TAGS, syscall: "call_name" } as const;

/** Says which groups waits or calls of a selection have. */
function groupsOf({ kind, holders = false }: Selection): readonly WaitGroup[] {
  if (isProfileType(kind) || kind === "cpu") return [];
  return kind === "syscall"
    ? ["syscall"]
    : ["lock_class", "lock_type", "outcome", holders ? "waiter" : "holder"];
}

/**
 * Asks for the `limit` largest groups of `selection`, of which one is a {@linkcode WaitGroup} at least, and all others are
 * labels. Of calls all are counted, as no stack is looked at.
 *
 * @throws {GroupsError} when a kind has no such groups, or not at once
 * @throws {RangeError} when the selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function aggregateWaits(
  question: Question,
  selection: Selection,
  { groupBy, limit }: Required<Pick<CommonOptions, "limit">> & { groupBy: readonly GroupBy[] },
): Promise<AggregateAnswer> {
  checkLimit(limit);
  const groups = [...new Set(groupBy)];
  const own = groupsOf(selection);
  for (const group of groups) {
    if (isWaitGroup(group) ? own.includes(group) : isLabel(group)) continue;
    throw new GroupsError(
      isWaitGroup(group)
        ? `Cannot group kind ${selection.kind} by ${group}: it has ${own.join(", ") || "no such groups"}`
        : `Cannot group by ${group} and ${groups.find(isWaitGroup)} at once`,
    );
  }
  const other = groups.find((group) => group === "holder" || group === "waiter");
  const { sql, params } = statement(selection, groups, { oldest: question.oldest });
  const rows = await question.rows<Row>(sql, { ...params, limit: other ? MAX_STACKS : limit });
  const frames = await framesOfStacks(question, other ? rows.map(({ other_stack }) => other_stack!) : []);
  const sums = new Map<string, { group: string[]; value: bigint; count: bigint }>();
  for (const row of rows) {
    const group = groups.map((group, i) => {
      if (group !== other) return row[`group_${i}`]!;
      return holderCode(frames, row.other_stack!, row.type_name!)?.function ?? "";
    });
    const sum = sums.getOrInsertComputed(JSON.stringify(group), () => ({ group, value: 0n, count: 0n }));
    sum.value += BigInt(row.value);
    sum.count += BigInt(row.count);
  }
  const shown = [...sums.values()].sort((a, b) => Number(b.value - a.value) || Number(b.count - a.count))
    .slice(0, limit);
  const first = rows[0];
  const all = first && [first.all_value, first.all_count] as const;
  return {
    rows: shown.map(({ group, value, count }) => {
      const total = toTotal(String(value), String(count));
      return { group: groupBy.map((name) => group[groups.indexOf(name)]!), module: "", self: total, total };
    }),
    total: all ? toTotal(...all) : NO_TOTAL,
    other: all
      ? rest(all, shown.map(({ value, count }) => [String(value), String(count)] as const))
      : NO_TOTAL,
    cost: question.cost,
  };
}

/** Makes the statement: columns `group_0`, `group_1`, …, and the stack and type of the other side where it is a group. */
function statement(
  selection: Selection,
  groups: readonly GroupBy[],
  options: { oldest: Question["oldest"] },
): { sql: string; params: Readonly<Record<string, unknown>> } {
  const selected = selectionSql(selection, options);
  const named = groups.map((group, i) => ({ group, column: `group_${i}` }));
  const hasOther = groups.some((group) => group === "holder" || group === "waiter");
  const waits = named.filter(({ group }) => isWaitGroup(group) && group !== "holder" && group !== "waiter");
  const labels = named.filter(({ group }) => !isWaitGroup(group));
  const source = selection.kind === "lock" ? lockRowsSql(selected, selection) : callsSql(selected);
  const keys = [...waits.map(({ column }) => column), ...hasOther ? ["other_stack", "type_name"] : []];
  const ofRows = [
    ...waits.map(({ group, column }) => `${COLUMNS[group as keyof typeof COLUMNS]} AS ${column}`),
    ...hasOther ? ["other_stack", "type_name"] : [],
  ];
  const columns = [...labels.map(({ column }) => column), ...keys].join(", ");
  const bySeries = `SELECT ${["series", ...ofRows].join(", ")}, sum(v) AS own_value, sum(n) AS own_count
FROM (${source}) GROUP BY ${["series", ...keys].join(", ")}`;
  const names = labels.map(({ group, column }) => `${labelSql(group as AnyLabel)} AS ${column}`);
  const joined = labels.length === 0 ? "" : `
LEFT ANY JOIN (SELECT hash AS series, ${names.join(", ")} FROM series WHERE ${selected.series}) AS labels
USING series`;
  const sql = `
SELECT ${columns}, sum(own_value) AS value, sum(own_count) AS count,
    sum(value) OVER () AS all_value, sum(count) OVER () AS all_count
FROM (${bySeries}) AS sums${joined}
GROUP BY ${columns}
ORDER BY value DESC, count DESC, ${columns}
LIMIT {limit:UInt32}`;
  return { sql, params: selected.params };
}

/** Makes a query of `series`, `call_name`, `v` in nanoseconds, and `n`. */
function callsSql({ rows, busy }: ReturnType<typeof selectionSql>): string {
  return `SELECT series, toString(call) AS call_name, total AS v, calls AS n
FROM (${rows("syscalls", "series, call, category, total, syscalls.count AS calls")}) WHERE ${busy.syscalls}`;
}
