// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what a selection took over time, by the values of a label or by functions.
 *
 * @module
 */

import { aggregate } from "./aggregate.ts";
import { labelValues } from "./label_values.ts";
import { functionNames, MISSING } from "./names.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql, type SelectionSql, selectionSql } from "./selection.ts";
import { spreadSql } from "./spread.ts";
import { toTotal } from "./totals.ts";
import { QuestionError, type Selection } from "./asked.ts";
import type { TimelineAnswer, TimelineLane, TimelineOptions } from "./series_answers.ts";

/** A lane has a value for each step: more would be an answer of any length. */
const MAX_STEPS = 2000;

const slotSql = "toUInt32(intDiv(toUnixTimestamp(time), {step:UInt32}) * {step:UInt32})";

/**
 * Makes the statement of a label's lanes from the sums of series; values of the label that are no lane of their own are
 * one.
 */
const labelLanesSql = (label: string, { totals, series }: SelectionSql) => `
SELECT slot, if(has({lanes:Array(String)}, label), label, '') AS lane, NOT has({lanes:Array(String)}, label) AS rest,
    sum(own_value) AS value, sum(own_count) AS count
FROM
(
    SELECT ${slotSql} AS slot, series, sum(totals.value) AS own_value, sum(totals.count) AS own_count
    FROM (${totals}) AS totals
    GROUP BY slot, series
) AS sums
LEFT ANY JOIN (SELECT hash AS series, ${label} AS label FROM series WHERE ${series}) AS labels USING series
GROUP BY slot, lane, rest
ORDER BY slot`;

/** Makes the statement of the self values of functions; the rest is what the sums of all stacks have beyond them. */
const functionLanesSql = ({ samples }: SelectionSql) => `
SELECT slot, key, is_all, self_value, self_count, total_value, total_count
FROM (${
  spreadSql({
    weights: `SELECT stack, groupArray(at) AS slot, groupArray(v) AS value, groupArray(n) AS count FROM
(SELECT stack, ${slotSql} AS at, sum(samples.value) AS v, sum(samples.count) AS n FROM (${samples}) AS samples GROUP BY stack, at)
GROUP BY stack`,
    labels: ["slot"],
    sums: ["value", "count"],
    by: "function",
  })
})
WHERE is_all OR key IN {keys:Array(UInt64)}
ORDER BY slot`;

/**
 * Asks for the `limit` largest lanes of `selection`, and the rest as one, with a sum for each step of time. Of functions
 * a lane is the function's own time.
 *
 * @throws {RangeError} when the selection, the step or the limit makes no sense
 * @throws {StorageError}
 */
export async function timeline(
  question: Question,
  selection: Selection,
  { by = "node", step = 60, limit = 7 }: TimelineOptions = {},
): Promise<TimelineAnswer> {
  checkLimit(limit);
  if (!Number.isInteger(step) || step < 10 || step % 10 !== 0) {
    throw new QuestionError(`Cannot sum in steps that are not tens of seconds: current value is ${step}`);
  }
  const first = Math.floor(Math.max(selection.from, 0) / 1000 / step) * step;
  const steps = Math.ceil((selection.to / 1000 - first) / step);
  if (!(steps >= 0 && steps <= MAX_STEPS)) {
    throw new QuestionError(`Cannot answer more than ${MAX_STEPS} steps: current value is ${steps}`);
  }
  const selected = selectionSql(selection, { oldest: question.oldest, step, wholeMinutes: step % 60 === 0 });
  const lanes = by === "function"
    ? await functionLanes(question, selection, { selected, step, limit })
    : await labelLanes(question, selection, { selected, step, limit, label: by });
  return {
    from: first * 1000,
    step,
    steps,
    lanes: lanes.map(({ name, module, rest, values }): TimelineLane => ({
      ...{ name, module, rest },
      value: Array.from({ length: steps }, (_, i) => values.get(first + i * step)?.value ?? 0),
      count: Array.from({ length: steps }, (_, i) => values.get(first + i * step)?.count ?? 0),
    })),
    cost: question.cost,
  };
}

interface Lane extends Pick<TimelineLane, "name" | "module" | "rest"> {
  readonly values: Map<number, { readonly value: number; readonly count: number }>;
}

interface LaneOptions {
  readonly selected: SelectionSql;
  readonly step: number;
  readonly limit: number;
}

async function labelLanes(
  question: Question,
  selection: Selection,
  { selected, step, limit, label }: LaneOptions & {
    label: Exclude<TimelineOptions["by"], "function" | undefined>;
  },
): Promise<Lane[]> {
  const { values } = await labelValues(question, label, selection, { limit });
  const names = values.map(({ value }) => value);
  type Row = { slot: number; lane: string; rest: number; value: string; count: string };
  const rows = await question.rows<Row>(labelLanesSql(labelSql(label), selected), {
    ...selected.params,
    step,
    lanes: names,
  });
  const lanes = [...names.map((name) => laneOf({ name, rest: false })), laneOf({ name: "", rest: true })];
  for (const { slot, lane, rest, value, count } of rows) {
    (rest ? lanes.at(-1)! : lanes[names.indexOf(lane)]!).values.set(slot, toTotal(value, count));
  }
  return lanes.filter(({ rest, values }) => !rest || values.size > 0);
}

function laneOf({ name, module = "", rest }: { name: string; module?: string; rest: boolean }): Lane {
  return { name, module, rest, values: new Map() };
}

async function functionLanes(
  question: Question,
  selection: Selection,
  { selected, step, limit }: LaneOptions,
): Promise<Lane[]> {
  const { keys = [] } = await aggregate(question, selection, { limit });
  const names = await functionNames(question, keys);
  type Row = {
    readonly slot: number;
    readonly key: string;
    readonly is_all: boolean;
    readonly self_value: string;
    readonly self_count: string;
    readonly total_value: string;
    readonly total_count: string;
  };
  const rows = await question.rows<Row>(functionLanesSql(selected), {
    ...selected.params,
    step,
    keys: `[${keys.join()}]`,
  });
  const lanes = keys.map((key) => laneOf({ ...names.get(key) ?? MISSING, rest: false }));
  const rest = laneOf({ name: "", rest: true });
  const add = (lane: Lane, slot: number, sign: 1 | -1, more: { value: number; count: number }) => {
    const { value, count } = lane.values.get(slot) ?? { value: 0, count: 0 };
    lane.values.set(slot, { value: value + sign * more.value, count: count + sign * more.count });
  };
  for (const row of rows) {
    if (row.is_all) {
      add(rest, row.slot, 1, toTotal(row.total_value, row.total_count));
      continue;
    }
    const self = toTotal(row.self_value, row.self_count);
    add(lanes[keys.indexOf(row.key)]!, row.slot, 1, self);
    add(rest, row.slot, -1, self);
  }
  return [...lanes, ...(rest.values.values().some(({ count, value }) => count + value > 0) ? [rest] : [])];
}
