// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the agents that sent batches, and what they lost.
 *
 * @module
 */

import type { Question } from "./question.ts";
import { type CommonOptions, QuestionError, type TimeRange } from "./asked.ts";
import type { FleetAnswer, LossesAnswer } from "./store_answers.ts";
import { checkLimit } from "./selection.ts";

const RANGE =
  `start >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND start < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`;

/** A batch that was written twice is one. */
const BATCHES = `
SELECT * FROM batches WHERE ${RANGE} LIMIT 1 BY start, agent_id, epoch, sequence`;

const FLEET = `
SELECT
    toString(node) AS node_name,
    toString(agent_id) AS agent,
    toString(argMax(agent_version, start)) AS version,
    toUnixTimestamp64Milli(max(batches.end)) AS last,
    toString(max(epoch)) AS last_epoch,
    uniqExact(epoch) AS runs,
    count() AS batches,
    sumMap(batches.value) AS value_by_kind,
    sumMap(batches.losses) AS losses_by_reason,
    sumMap(batches.stack_ends) AS ends,
    sum(agent_cpu) AS cpu,
    sumIf(toUnixTimestamp64Nano(end) - toUnixTimestamp64Nano(start), agent_memory > 0) AS cpu_of,
    argMaxIf(agent_memory, start, agent_memory > 0) AS memory
FROM (${BATCHES}) AS batches
GROUP BY node, agent_id
ORDER BY node, agent_id
LIMIT {limit:UInt32}`;

const LOSSES = `
SELECT sumMap(batches.losses) AS losses_by_reason, sumMap(batches.stack_ends) AS ends, count() AS batches,
    uniqExact(agent_id) AS agents
FROM (${BATCHES}) AS batches`;

type Counts = Readonly<Record<string, string>>;

/** DateTime64 of nanoseconds ends in 2262. */
const MAX_MS = 9_223_372_036_854;

/** Returns the parameters of a range, in Unix ms as the engine can take them. @throws {RangeError} for NaN */
export function rangeParams({ from, to }: TimeRange): Record<string, number> {
  const whole = (ms: number) => Math.min(Math.max(Math.floor(ms), 0), MAX_MS);
  if (Number.isNaN(from + to)) {
    throw new QuestionError(`Cannot select a time that is not a number: ${from} to ${to}`);
  }
  return { from: whole(from), to: whole(to) };
}

/**
 * Asks for the agents whose batches start in [from, to), each with its last window, its version, and its losses.
 *
 * @param options.limit @default {1000}
 * @throws {StorageError}
 */
export async function fleet(
  question: Question,
  range: TimeRange,
  { limit = 1000 }: CommonOptions = {},
): Promise<FleetAnswer> {
  type Row = {
    readonly node_name: string;
    readonly agent: string;
    readonly version: string;
    readonly last: string;
    readonly last_epoch: string;
    readonly runs: string;
    readonly batches: string;
    readonly value_by_kind: Counts;
    readonly losses_by_reason: Counts;
    readonly ends: Counts;
    readonly cpu: string;
    readonly cpu_of: string;
    readonly memory: string;
  };
  const rows = await question.rows<Row>(FLEET, { ...rangeParams(range), limit: checkLimit(limit) });
  return {
    agents: rows.map((row) => ({
      node: row.node_name,
      agentId: row.agent,
      version: row.version,
      lastEnd: Number(row.last),
      started: Number(BigInt(row.last_epoch) / 1_000_000n),
      runs: Number(row.runs),
      batches: Number(row.batches),
      values: numbers(row.value_by_kind),
      losses: numbers(row.losses_by_reason),
      stackEnds: numbers(row.ends),
      // What sends no such thing is no agent of ours, or an older one.
      usage: Number(row.memory) === 0
        ? undefined
        : { cores: Number(row.cpu) / Number(row.cpu_of), memoryBytes: Number(row.memory) },
    })),
    cost: question.cost,
  };
}

/** Asks for what agents lost in batches that start in [from, to). @throws {StorageError} */
export async function losses(question: Question, range: TimeRange): Promise<LossesAnswer> {
  type Row = { losses_by_reason: Counts; ends: Counts; batches: string; agents: string };
  const [row] = await question.rows<Row>(LOSSES, rangeParams(range));
  return {
    losses: numbers(row?.losses_by_reason ?? {}),
    stackEnds: numbers(row?.ends ?? {}),
    batches: Number(row?.batches ?? 0),
    agents: Number(row?.agents ?? 0),
    cost: question.cost,
  };
}

function numbers(counts: Counts): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [name, Number(count)] as const).filter(([, count]) =>
      count > 0
    ),
  );
}
