// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the batches that are in storage.
 *
 * @module
 */

import type { Question } from "./question.ts";
import { checkLimit } from "./selection.ts";
import { toTotal } from "./totals.ts";
import type { CommonOptions } from "./asked.ts";
import type { StoredBatch } from "./store_answers.ts";

/** Makes the statement, which reads in the table's order from its end, so that reading stops at the limit. */
const sql = (condition: string) => `
SELECT
    toString(agent_id) AS agentId,
    toString(epoch) AS epoch,
    sequence,
    toString(node) AS node,
    toUnixTimestamp64Milli(start) AS start,
    toUnixTimestamp64Milli(end) AS end,
    arraySum(mapValues(value)) AS value,
    arraySum(mapValues(count)) AS count,
    losses,
    stack_ends AS stackEnds
FROM batches
WHERE ${condition}
ORDER BY batches.start DESC, batches.agent_id DESC, batches.epoch DESC, batches.sequence DESC
LIMIT 1 BY batches.start, batches.agent_id, batches.epoch, batches.sequence
LIMIT {limit:UInt32}`;

interface Row {
  readonly agentId: string;
  readonly epoch: string;
  readonly sequence: string;
  readonly node: string;
  readonly start: string;
  readonly end: string;
  readonly value: string;
  readonly count: string;
  readonly losses: Readonly<Record<string, string>>;
  readonly stackEnds: Readonly<Record<string, string>>;
}

/**
 * Asks for the newest batches by their start, of one agent or all.
 *
 * @param options.limit @default {100}
 * @throws {RangeError} when the limit makes no sense
 * @throws {StorageError}
 */
export async function batches(
  question: Question,
  { agentId, limit = 100 }: CommonOptions & { agentId?: string } = {},
): Promise<readonly StoredBatch[]> {
  const rows = await question.rows<Row>(sql(agentId === undefined ? "true" : "agent_id = {agent:String}"), {
    limit: checkLimit(limit),
    ...(agentId !== undefined && { agent: agentId }),
  });
  return rows.map((row) => ({
    agentId: row.agentId,
    epoch: row.epoch,
    sequence: Number(row.sequence),
    node: row.node,
    start: Number(row.start),
    end: Number(row.end),
    samples: toTotal(row.value, row.count),
    losses: numbers(row.losses),
    stackEnds: numbers(row.stackEnds),
  }));
}

function numbers(counts: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)]));
}
