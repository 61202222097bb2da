// SPDX-License-Identifier: Apache-2.0
/**
 * Turns a selection into conditions in SQL. Text from outside is in parameters only; what is put together here are
 * fixed fragments.
 *
 * @module
 */

import { IDLE_CATEGORIES, IDLE_CLASSES } from "../../profile/idle.ts";
import type { Kind } from "../../profile/model.ts";
import { isProfileType } from "../../profile/profile_type.ts";
import { LABELS } from "../../profile/labels.ts";
import { periodSql } from "../storage/resolutions.ts";
import { type AnyLabel, isLabel, isOwnLabel, isPodLabel, type Matcher, SERVICE_NAME } from "./matchers.ts";
import { COVER_RESOLUTIONS, type CoverOptions, type CoverPart, coverTime } from "./time_cover.ts";
import { QuestionError, type Selection } from "./asked.ts";

/** These tables come in all resolutions. */
type Table = "samples" | "locks" | "holds" | "syscalls" | "slow_calls" | "profiles";

/** Holds a selection in SQL, and what its parameters stand for. */
export interface SelectionSql {
  /**
   * Is a query of its samples: `time`, `node`, `series`, `stack`, `value` and `count`, rows of equal keys not yet
   * summed.
   */
  readonly samples: string;
  /** Is a query of what its series took: `time`, `node`, `series`, `value` and `count`, without stacks. */
  readonly totals: string;
  /** Makes a query of `columns` of what of `table` is in its time and its series; idle or not. */
  rows(table: Table, columns: string): string;
  /**
   * Is a condition on rows that have `node`, `time`, and `step`, the seconds of their bucket: what was open at the end of
   * one was so at the end of the time, or of the last window before that of which its node has told.
   */
  readonly atEnd: string;
  /** Is a condition on `series`; every series of the selection passes, and some others may. */
  readonly series: string;
  /** Is a condition on `series` that all of its time pass, and others may; of the selection or not. */
  readonly anySeries: string;
  /** Holds conditions on `locks` and `holds`, or `syscalls` and `slow_calls`: what is not idle, or what is, too. */
  readonly busy: { readonly locks: string; readonly syscalls: string };
  readonly params: Readonly<Record<string, unknown>>;
}

export interface SelectionOptions extends CoverOptions {
  /** Begins the parameters' names, where a statement has two selections. @default {""} */
  readonly prefix?: string;
  /**
   * Takes the minutes at the edges of the time whole in `totals`, where that is ten minutes or more: what is in seconds is
   * in the largest tables alone. @default {false}
   */
  readonly wholeMinutes?: boolean;
}

const MINUTE_MS = 60_000;

const MAX_LIMIT = 2 ** 32 - 1;

/**
 * Makes the fragments that choose what is in `selection`.
 *
 * @throws {RangeError} when the time is no number, or a matcher's label is none
 */
export function selectionSql(selection: Selection, options: SelectionOptions = {}): SelectionSql {
  const { prefix = "", wholeMinutes = false } = options;
  const name = (text: string) => `${prefix}${text}`;
  const cover = coverTime(selection.from, selection.to, { ...options, coarsest: "1h" });
  const { from, to } = wholeMinutes && selection.to - selection.from >= 10 * MINUTE_MS
    ? {
      from: Math.floor(selection.from / MINUTE_MS) * MINUTE_MS,
      to: Math.ceil(selection.to / MINUTE_MS) * MINUTE_MS,
    }
    : selection;
  const short = coverTime(from, to, { ...options, coarsest: "1h", timeFirst: true });
  // Samples alone have days.
  const days = coverTime(selection.from, selection.to, options);
  const params: Record<string, unknown> = {
    [name("kind")]: selection.kind,
    [name("from")]: cover[0]?.from ?? 0,
    [name("end")]: cover.at(-1)?.to ?? 0,
    [name("idle_classes")]: IDLE_CLASSES,
    [name("idle_categories")]: IDLE_CATEGORIES,
  };
  const setTimes = (parts: readonly CoverPart[], of: string) =>
    parts.forEach((part, i) => {
      params[name(`${of}from_${i}`)] = part.from;
      params[name(`${of}to_${i}`)] = part.to;
    });
  setTimes(cover, "");
  setTimes(days, "days_");
  setTimes(short, "totals_");
  const matched: string[] = [];
  // Minutes that are taken whole may begin on the day before.
  params[name("first")] = Math.min(cover[0]?.from ?? 0, short[0]?.from ?? 0);
  const series = [`day >= toDate(toDateTime({${name("first")}:UInt32}, 'UTC'))`];
  let bySeries = false;
  selection.matchers.forEach((matcher, i) => {
    const param = name(`matcher_${i}`);
    params[param] = matcher.operator.endsWith("~") ? `^(?:${matcher.value})$` : matcher.value;
    const condition = matcherSql(matcher, param);
    series.push(condition);
    // The node is in the tables' own keys, which find it faster than a list of series.
    if (matcher.label === "node") matched.push(condition);
    else bySeries = true;
  });
  const own = `FROM series WHERE ${series.join(" AND ")}`;
  if (bySeries) matched.push(`series IN (SELECT hash ${own})`);
  // Tables of stacks have each node's rows by series: of a node without any of the selection nothing is read, and of
  // others the parts that may have some. As a condition the pair would be looked up for each row.
  const nodesFirst = bySeries ? [`indexHint((node, series) IN (SELECT node, hash ${own}))`] : [];
  const busy = {
    locks: selection.idle ? "true" : `class NOT IN {${name("idle_classes")}:Array(String)}`,
    syscalls: selection.idle ? "true" : `category NOT IN {${name("idle_categories")}:Array(String)}`,
  };
  const union = (
    parts: readonly CoverPart[],
    query: (part: CoverPart, where: string) => string,
    of = "",
  ) => {
    const queries = parts.map((part, i) => {
      const time = timeSql(part, name(`${of}from_${i}`), name(`${of}to_${i}`));
      return query(part, [time, ...matched, ...(of === "totals_" ? [] : nodesFirst)].join(" AND "));
    });
    // No time at all is a query without rows.
    return queries.length > 0 ? queries.join("\nUNION ALL\n") : `${query(NOTHING, "false")}`;
  };
  const kind = `kind = {${name("kind")}:String}`;
  const awake = selection.idle ? "" : " AND NOT idle";
  const rows = (table: Table, columns: string) =>
    union(
      cover,
      ({ resolution }, where) =>
        `SELECT ${columns}, ${resolution.step} AS step FROM ${table}${resolution.suffix} AS ${table} WHERE ${where}`,
    );
  // Of what others measured there are no sums without stacks.
  const profiles = union(
    cover,
    ({ resolution }, where) =>
      `SELECT time, node, series, stack, value, count FROM profiles${resolution.suffix}
WHERE type = {${name("kind")}:String} AND ${where}`,
  );
  return {
    rows,
    get samples() {
      if (isProfileType(selection.kind)) return profiles;
      if (selection.kind === "lock") return waits(rows, busy.locks, selection.holders);
      return union(
        days,
        ({ resolution }, where) =>
          `SELECT time, node, series, stack, value, count FROM samples${resolution.suffix}
WHERE ${kind}${awake} AND ${where}`,
        "days_",
      );
    },
    get totals() {
      if (isProfileType(selection.kind)) return profiles;
      // Totals do not know whether a holder was seen.
      if (selection.kind === "lock" && selection.holders) return waits(rows, busy.locks, true);
      const { kind: own } = selection;
      return union(short, ({ resolution }, where) => {
        if (resolution.suffix !== "") {
          return `SELECT time, node, series, value, count FROM totals${resolution.suffix}
WHERE ${kind}${awake} AND ${where}`;
        }
        return fineTotals[own](`${where}`, { kind, busy });
      }, "totals_");
    },
    atEnd: atEndSql(name("from"), name("end")),
    series: series.join(" AND "),
    anySeries: series[0]!,
    busy,
    params,
  };
}

/** Stands where a range is empty: any table will do. */
const NOTHING: CoverPart = { resolution: COVER_RESOLUTIONS.at(-1)!, from: 0, to: 0 };

/** Windows are told of within an hour, or their node is away, and nothing is known to be open there. */
function atEndSql(from: string, end: string): string {
  const first = `greatest({${from}:UInt32}, least({${end}:UInt32}, toUInt32(now())) - 3600)`;
  const newest = `(SELECT maxMap(map(toString(node), toUnixTimestamp(start))) FROM batches
WHERE start >= toDateTime(${first}, 'UTC') AND start < toDateTime({${end}:UInt32}, 'UTC'))[toString(node)]`;
  return `toUnixTimestamp(time) + step > ${newest} AND ${newest} > 0`;
}

/** Waits are samples: who gave up got no lock, and who still waits has no count yet. */
function waits(rows: SelectionSql["rows"], busy: string, holders = false): string {
  const stack = holders ? "holder_stack AS stack" : "stack";
  const seen = holders ? " AND stack != 0" : "";
  return `SELECT time, node, series, stack, delay AS value, if(outcome = 'woken', waits, 0) AS count
FROM (${rows("locks", `time, node, series, ${stack}, class, outcome, delay, locks.count AS waits`)})
WHERE outcome IN ('woken', 'open') AND ${busy}${seen}`;
}

/** There are no totals of 10 s: they are at the edges of a range alone. */
const fineTotals: Readonly<
  Record<Kind, (where: string, of: { kind: string; busy: SelectionSql["busy"] }) => string>
> = {
  cpu: (where, { kind }) => `SELECT time, node, series, value, count FROM samples WHERE ${kind} AND ${where}`,
  lock: (where, { busy }) =>
    `SELECT time, node, series, delay AS value, if(outcome = 'woken', locks.count, 0) AS count FROM locks
WHERE outcome IN ('woken', 'open') AND ${busy.locks} AND ${where}`,
  syscall: (where, { busy }) =>
    `SELECT time, node, series, total AS value, syscalls.count AS count FROM syscalls
WHERE ${busy.syscalls} AND ${where}`,
};

/** Makes the condition on time. The period comes first in the tables' keys, and partitions are made of it. */
function timeSql({ resolution }: CoverPart, from: string, to: string): string {
  const [first, last] = [from, to].map((name) => `toDateTime({${name}:UInt32}, 'UTC')`) as [string, string];
  return `period >= ${
    periodSql(resolution, first)
  } AND period < ${last} AND time >= ${first} AND time < ${last}`;
}

/** Returns the expression of `label` in `series`, as text. @throws {RangeError} when it is none */
export function labelSql(label: AnyLabel): string {
  if (isOwnLabel(label)) return `toString(labels[${textSql(label.slice("own:".length))}])`;
  if (!isLabel(label)) {
    throw new QuestionError(
      `Cannot choose by '${label}' as it is not one of ${LABELS.join(", ")}, label_NAME`,
    );
  }
  if (isPodLabel(label)) {
    // The name has no quotes: isPodLabel() knows which characters it may have.
    const key = `replaceRegexpAll(key, '[^a-zA-Z0-9_]', '_') = '${label.slice("label_".length)}'`;
    return `toString(labels[arrayFirst(key -> ${key}, mapKeys(labels))])`;
  }
  if (label === SERVICE_NAME) return SERVICE_NAME_SQL;
  return label === "pid" ? "toString(pid)" : `toString(${label})`;
}

const SERVICE_NAME_SQL = `multiIf(service != '', toString(service), container != '', toString(container),
    exe != '', arrayElement(splitByChar('/', toString(exe)), -1), comm != '', toString(comm), 'unknown_service')`;

/** Writes text of any characters as an expression: no quote of it can end anything. */
function textSql(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return `unhex('${bytes.toHex()}')`;
}

/** @throws {RangeError} when `limit` is not a whole number above 0 */
export function checkLimit(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new QuestionError(
      `Cannot limit an answer to a number that is not whole and above 0: current value is ${limit}`,
    );
  }
  return limit;
}

function matcherSql({ label, operator }: Matcher, param: string): string {
  const text = labelSql(label);
  // Bare columns let the index and the dictionaries of low cardinality work; a pid is compared as text.
  const column = (LABELS as readonly string[]).includes(label) && label !== "pid" ? label : text;
  const value = `{${param}:String}`;
  if (operator === "=" || operator === "!=") return `${column} ${operator} ${value}`;
  return `${operator === "!~" ? "NOT " : ""}match(${column}, ${value})`;
}
