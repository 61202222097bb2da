// SPDX-License-Identifier: Apache-2.0
/**
 * Tells over time how many agents sent windows, and how much of what happened they could not count.
 *
 * @module
 */

import { INCOMPLETE } from "../../profile/losses.ts";
import { rangeParams } from "./fleet.ts";
import type { Question } from "./question.ts";
import { QuestionError, type TimeRange } from "./asked.ts";
import type { WindowsAnswer } from "./store_answers.ts";

/** A step has a value for each column: more would be an answer of any length. */
const MAX_STEPS = 2000;

/**
 * An agent is in each step that a window of it reaches into, for an hour at most; what it counted and lost is in the
 * step in which the window began. A batch that was written twice is one. What costs no more than a
 * detail of a sample is not lost.
 */
const SQL = `
SELECT toUInt32(arrayJoin(range(first, last + {step:UInt32}, {step:UInt32}))) AS slot, uniqExact(agent_id) AS agents,
    sumIf(arraySum(mapValues(batches.count)), slot = first) AS counted,
    sumIf(arraySum(mapValues(
        mapFilter((reason, n) -> NOT match(reason, '${INCOMPLETE.source}'), batches.losses)
    )), slot = first) AS lost
FROM
(
    SELECT *, toUInt32(intDiv(toUnixTimestamp(start), {step:UInt32}) * {step:UInt32}) AS first,
        toUInt32(intDiv(greatest(toUnixTimestamp(start), least(toUnixTimestamp(end), toUnixTimestamp(start) + 3600)),
            {step:UInt32}) * {step:UInt32}) AS last
    FROM batches
    WHERE start >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND start < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    LIMIT 1 BY start, agent_id, epoch, sequence
) AS batches
GROUP BY slot
ORDER BY slot`;

/**
 * Asks for the windows that began in each step of [from, to).
 *
 * @param options.step in seconds @default {60}
 * @throws {RangeError} when the step or the number of steps makes no sense
 * @throws {StorageError}
 */
export async function agentWindows(
  question: Question,
  range: TimeRange,
  { step = 60 }: { readonly step?: number } = {},
): Promise<WindowsAnswer> {
  if (!Number.isInteger(step) || step < 10) {
    throw new QuestionError(`Cannot sum in steps of less than 10 seconds: current value is ${step}`);
  }
  const { from, to } = rangeParams(range);
  const first = Math.floor(from! / 1000 / step) * step;
  const steps = Math.ceil((to! / 1000 - first) / step);
  if (steps > MAX_STEPS) {
    throw new QuestionError(`Cannot answer more than ${MAX_STEPS} steps: current value is ${steps}`);
  }
  type Row = { slot: number; agents: string; counted: string; lost: string };
  const rows = await question.rows<Row>(SQL, { from, to, step });
  const bySlot = new Map(rows.map((row) => [row.slot, row]));
  const column = (name: "agents" | "counted" | "lost") =>
    Array.from({ length: steps }, (_, i) => Number(bySlot.get(first + i * step)?.[name] ?? 0));
  return {
    from: first * 1000,
    step,
    agents: column("agents"),
    counted: column("counted"),
    lost: column("lost"),
    cost: question.cost,
  };
}
