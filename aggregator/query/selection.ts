/**
 * A selection as conditions in SQL. Text from outside is in parameters only; what is put together here are
 * fixed fragments.
 *
 * @module
 */

import { IDLE_CATEGORIES, IDLE_CLASSES } from "../../profile/idle.ts";
import { SYSCALL_MODULE } from "../../profile/model.ts";
import {
  isPodLabel,
  isSelectable,
  type Label,
  LABELS,
  type Matcher,
  type PodLabel,
  type Selection,
} from "./types.ts";

/** A selection in SQL, and what its parameters stand for. */
export interface SelectionSql {
  /** A query of its samples: `series`, `stack`, `value` and `count`, rows of equal keys not yet summed. */
  readonly samples: string;
  /** Conditions of any table with `node`, `bucket` and `series`: of time and labels, not of kind. */
  readonly where: string;
  /** Of `series`; every series of the selection passes, and some others may. */
  readonly series: string;
  /** Of `locks` or `syscalls`: what is not idle, or what is, too. */
  readonly busy: { readonly locks: string; readonly syscalls: string };
  readonly params: Readonly<Record<string, unknown>>;
}

const MAX_SECOND = 2 ** 32 - 1;

/**
 * The fragments that choose what is in `selection`.
 *
 * @param prefix of the parameters' names, where a statement has two selections
 * @throws {RangeError} when the time is no number, or a matcher's label is none
 */
export function selectionSql(selection: Selection, prefix = ""): SelectionSql {
  const name = (text: string) => `${prefix}${text}`;
  const params: Record<string, unknown> = {
    [name("kind")]: selection.kind,
    [name("from")]: toSecond("from", selection.from),
    [name("to")]: toSecond("to", selection.to),
    [name("idle_classes")]: IDLE_CLASSES,
    [name("idle_categories")]: IDLE_CATEGORIES,
  };
  const buckets = [
    `bucket >= toDateTime({${name("from")}:UInt32}, 'UTC')`,
    `bucket < toDateTime({${name("to")}:UInt32}, 'UTC')`,
  ];
  const where = [...buckets];
  const series = [`day >= toDate(toDateTime({${name("from")}:UInt32}, 'UTC'))`];
  let bySeries = false;
  selection.matchers.forEach((matcher, i) => {
    const param = name(`matcher_${i}`);
    params[param] = [...matcher.values];
    const condition = matcherSql(matcher, param);
    series.push(condition);
    // The node is in the tables' own keys, which find it faster than a list of series.
    if (matcher.label === "node") where.push(condition);
    else bySeries = true;
  });
  if (bySeries) where.push(`series IN (SELECT hash FROM series WHERE ${series.join(" AND ")})`);
  const busy = {
    locks: selection.idle ? "true" : `class NOT IN {${name("idle_classes")}:Array(String)}`,
    syscalls: selection.idle ? "true" : `category NOT IN {${name("idle_categories")}:Array(String)}`,
  };
  const idleCalls = `SELECT call FROM syscalls WHERE ${buckets.join(" AND ")} AND NOT (${busy.syscalls})`;
  const text = { where: where.join(" AND "), busy, kind: `kind = {${name("kind")}:String}` };
  return {
    ...text,
    samples: samplesSql(selection, { ...text, idleCalls }),
    series: series.join(" AND "),
    params,
  };
}

/**
 * Waits are samples once they were woken: who gave up got no lock. Samples of calls have the call as their leaf, and
 * `syscalls` has its category.
 */
function samplesSql(
  { kind, idle = false }: Selection,
  { where, busy, kind: ofKind, idleCalls }: {
    where: string;
    busy: SelectionSql["busy"];
    kind: string;
    idleCalls: string;
  },
): string {
  if (kind === "lock") {
    return `SELECT series, stack, delay AS value, count FROM locks
WHERE ${where} AND outcome = 'woken' AND ${busy.locks}`;
  }
  const all = `FROM samples WHERE ${ofKind} AND ${where}`;
  if (kind === "cpu" || idle) return `SELECT series, stack, value, count ${all}`;
  return `SELECT series, stack, value, count ${all} AND stack NOT IN (
    SELECT hash FROM stacks WHERE hash IN (SELECT stack ${all}) AND frames[1] IN (
        SELECT hash FROM frames WHERE module = '${SYSCALL_MODULE}' AND function IN (${idleCalls})
    )
)`;
}

/** The expression of `label` in `series`, as text. @throws {RangeError} when it is none */
export function labelSql(label: Label | PodLabel): string {
  if (!isSelectable(label)) {
    throw new RangeError(`Cannot choose by '${label}' as it is not one of ${LABELS.join(", ")}, label.NAME`);
  }
  // The name has no quotes: isPodLabel() knows which characters it may have.
  if (isPodLabel(label)) return `toString(labels['${label.slice("label.".length)}'])`;
  return label === "pid" ? "toString(pid)" : `toString(${label})`;
}

/** @throws {RangeError} when `limit` is not a whole number above 0 */
export function checkLimit(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_SECOND) {
    throw new RangeError(
      `Cannot limit an answer to a number that is not whole and above 0: current value is ${limit}`,
    );
  }
  return limit;
}

function matcherSql({ label, negate }: Matcher, param: string): string {
  // Bare columns let the index and the dictionaries of low cardinality work; a pid is compared as text.
  const text = labelSql(label);
  const column = label === "pid" || isPodLabel(label) ? text : label;
  return `${column} ${negate ? "NOT IN" : "IN"} {${param}:Array(String)}`;
}

/** Buckets begin at whole seconds: one at or after `ms` begins at or after the second that follows. */
function toSecond(name: "from" | "to", ms: number): number {
  if (Number.isNaN(ms)) throw new RangeError(`Cannot select a time that is not a number: '${name}' is ${ms}`);
  return Math.min(Math.max(Math.ceil(ms / 1000), 0), MAX_SECOND);
}
