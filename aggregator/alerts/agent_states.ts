// SPDX-License-Identifier: Apache-2.0
/**
 * Answers which agents have stopped sending, and which lose samples.
 *
 * @module
 */

import { INCOMPLETE } from "../../profile/losses.ts";
import type { Protocol } from "../interop/decoding/request.ts";
import { labelSql } from "../query/selection.ts";
import type { Matcher } from "../query/matchers.ts";
import type { Question } from "../query/question.ts";

/** Is one machine's agents; a machine has one unless it was replaced. */
export interface AgentState {
  readonly node: string;
  /** Its newest window ended before the range's end by more than the range is long. */
  readonly silent: boolean;
  /** It lost more than {@linkcode LOSING_SHARE} of what there was in the range. */
  readonly losing: boolean;
}

/** An agent that lost more than this share of its events is one that loses. */
export const LOSING_SHARE = 0.01;

/** Who has been silent for so long was taken away on purpose, in ms. */
export const FORGOTTEN_MS = 3_600_000;

/** Processes that the agent was not let see are none of its events. */
const NOT_SEEN = "outside_pid_namespace";

/** Lists who pushes by the protocols of applications: that they go on says nothing of the node's agent. */
const APPLICATIONS = ["push", "ingest"] as const satisfies readonly Protocol[];

const sql = (nodes: readonly string[]) => `
SELECT
    toString(node) AS node_name,
    toUnixTimestamp64Milli(max(batches.end)) AS last,
    sumIf(arraySum(mapValues(batches.count)), batches.end > fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AS events,
    sumIf(
        arraySum(mapValues(mapFilter((reason, n) -> NOT match(reason, '${INCOMPLETE.source}') AND reason != '${NOT_SEEN}', batches.losses))),
        batches.end > fromUnixTimestamp64Milli({from:Int64}, 'UTC')
    ) AS lost
FROM
(
    SELECT * FROM batches
    WHERE start >= fromUnixTimestamp64Milli({begin:Int64}, 'UTC') AND start < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
        AND agent_id NOT IN {applications:Array(String)}
    ${nodes.map((condition) => `AND ${condition}`).join(" ")}
    LIMIT 1 BY start, agent_id, epoch, sequence
) AS batches
GROUP BY node
ORDER BY node`;

/**
 * Asks for the agents of the nodes that `matchers` (of nodes alone) choose, which sent something in the hour before the
 * range or in it.
 *
 * @param range in Unix ms
 * @throws {StorageError}
 */
export async function agentStates(
  question: Question,
  { from, to }: { from: number; to: number },
  matchers: readonly Matcher[],
): Promise<AgentState[]> {
  const conditions = matchers.map(({ label, operator }, i) => {
    const [column, value] = [labelSql(label), `{node_${i}:String}`];
    if (operator === "=" || operator === "!=") return `${column} ${operator} ${value}`;
    return `${operator === "!~" ? "NOT " : ""}match(${column}, ${value})`;
  });
  const rows = await question.rows<{ node_name: string; last: string; events: string; lost: string }>(
    sql(conditions),
    {
      ...{ from, to, begin: from - FORGOTTEN_MS, applications: APPLICATIONS },
      ...Object.fromEntries(matchers.map(({ operator, value }, i) => {
        return [`node_${i}`, operator.endsWith("~") ? `^(?:${value})$` : value];
      })),
    },
  );
  return rows.map(({ node_name, last, events, lost }) => ({
    node: node_name,
    silent: Number(last) < from,
    losing: Number(lost) > LOSING_SHARE * (Number(lost) + Number(events)),
  }));
}
