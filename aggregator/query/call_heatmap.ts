// SPDX-License-Identifier: Apache-2.0
/**
 * Tells how long system calls took, over time.
 *
 * @module
 */

import type { Question } from "./question.ts";
import { selectionSql } from "./selection.ts";
import type { HeatmapAnswer, HeatmapOptions } from "./wait_answers.ts";
import { QuestionError, type Selection } from "./asked.ts";

const MAX_STEPS = 2000;

const sql = (calls: string, where: string) => `
SELECT slot, sumMap(calls.histogram) AS latencies
FROM (SELECT toUInt32(intDiv(toUnixTimestamp(time), {step:UInt32}) * {step:UInt32}) AS slot, histogram FROM (${calls}) WHERE ${where}) AS calls
GROUP BY slot
ORDER BY slot`;

/**
 * Asks for the latencies of the calls of `selection`, whose kind does not matter, for each step of time.
 *
 * @throws {RangeError} when the selection or the step makes no sense
 * @throws {StorageError}
 */
export async function callHeatmap(
  question: Question,
  selection: Selection,
  { calls, step = 60 }: HeatmapOptions = {},
): Promise<HeatmapAnswer> {
  if (!Number.isInteger(step) || step < 10 || step % 10 !== 0) {
    throw new QuestionError(`Cannot sum in steps that are not tens of seconds: current value is ${step}`);
  }
  const first = Math.floor(Math.max(selection.from, 0) / 1000 / step) * step;
  const steps = Math.ceil((selection.to / 1000 - first) / step);
  if (!(steps >= 0 && steps <= MAX_STEPS)) {
    throw new QuestionError(`Cannot answer more than ${MAX_STEPS} steps: current value is ${steps}`);
  }
  const selected = selectionSql(selection, { oldest: question.oldest, step });
  const where = calls ? "call IN {calls:Array(String)}" : selected.busy.syscalls;
  const rows = await question.rows<{ slot: number; latencies: Readonly<Record<string, string>> }>(
    sql(selected.rows("syscalls", "time, call, category, histogram"), where),
    { ...selected.params, step, ...(calls && { calls: [...calls] }) },
  );
  const bySlot = new Map(rows.map(({ slot, latencies }) => [slot, latencies]));
  return {
    from: first * 1000,
    step,
    columns: Array.from({ length: steps }, (_, i) => {
      const dense: number[] = [];
      for (const [bucket, count] of Object.entries(bySlot.get(first + i * step) ?? {})) {
        dense[Number(bucket)] = Number(count);
      }
      return Array.from(dense, (count = 0) => count);
    }),
    cost: question.cost,
  };
}
