/**
 * A selection as conditions in SQL. Text from outside is in parameters only; what is put together here are
 * fixed fragments.
 *
 * @module
 */

import { type Label, LABELS, type Matcher, type Selection } from "./types.ts";

/** Conditions and what their parameters stand for. */
export interface SelectionSql {
  /** Of `samples`. */
  readonly samples: string;
  /** Of `series`; every series of the selection passes, and some others may. */
  readonly series: string;
  readonly params: Readonly<Record<string, unknown>>;
}

const MAX_SECOND = 2 ** 32 - 1;

/**
 * Conditions that hold for what is in `selection`.
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
  };
  const samples = [
    `kind = {${name("kind")}:String}`,
    `bucket >= toDateTime({${name("from")}:UInt32}, 'UTC')`,
    `bucket < toDateTime({${name("to")}:UInt32}, 'UTC')`,
  ];
  const series = [`day >= toDate(toDateTime({${name("from")}:UInt32}, 'UTC'))`];
  let bySeries = false;
  selection.matchers.forEach((matcher, i) => {
    const param = name(`matcher_${i}`);
    params[param] = [...matcher.values];
    const condition = matcherSql(matcher, param);
    series.push(condition);
    // The node is in the samples' own key, which finds them faster than a list of series.
    if (matcher.label === "node") samples.push(condition);
    else bySeries = true;
  });
  if (bySeries) samples.push(`series IN (SELECT hash FROM series WHERE ${series.join(" AND ")})`);
  return { samples: samples.join(" AND "), series: series.join(" AND "), params };
}

/** The expression of `label` in `series`, as text. @throws {RangeError} when it is none */
export function labelSql(label: Label): string {
  if (!LABELS.includes(label)) {
    throw new RangeError(`Cannot choose by '${label}' as it is not one of ${LABELS.join(", ")}`);
  }
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
  const column = labelSql(label) && label === "pid" ? "toString(pid)" : label;
  return `${column} ${negate ? "NOT IN" : "IN"} {${param}:Array(String)}`;
}

/** Buckets begin at whole seconds: one at or after `ms` begins at or after the second that follows. */
function toSecond(name: "from" | "to", ms: number): number {
  if (Number.isNaN(ms)) throw new RangeError(`Cannot select a time that is not a number: '${name}' is ${ms}`);
  return Math.min(Math.max(Math.ceil(ms / 1000), 0), MAX_SECOND);
}
