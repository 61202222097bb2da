// SPDX-License-Identifier: Apache-2.0
/**
 * Has what answers about a selection have in common.
 *
 * @module
 */

import { formatMatchers } from "../query/matchers.ts";
import type { Answer, QueryCost, Selection } from "../query/asked.ts";
import type { AnswerJson, CostJson, QualityJson, SelectionJson } from "./answers.ts";
import { formatTime } from "./time.ts";
import type { HandlerOptions } from "./types.ts";

/** Repeats a selection, its times resolved. */
export function selectionJson({ kind, from, to, matchers, idle = false }: Selection): SelectionJson {
  return { kind, from: formatTime(from), to: formatTime(to), match: formatMatchers(matchers), idle };
}

export function costJson({ elapsedMs, rowsRead, bytesRead }: QueryCost): CostJson {
  return { elapsed_ms: Math.round(elapsedMs * 10) / 10, rows_read: rowsRead, bytes_read: bytesRead };
}

/**
 * Waits for `answer`, and for what agents lost in the selection's time beside it.
 *
 * @returns the answer, and what its JSON has in common with others
 */
export async function withQuality<T extends Answer>(
  { queries, staged }: Pick<HandlerOptions, "queries" | "staged">,
  selection: Selection,
  { answer, signal }: { answer: Promise<T>; signal: AbortSignal },
): Promise<{ answer: T; common: AnswerJson }> {
  const { from, to } = selection;
  const [given, lost, waiting] = await Promise.all([
    answer,
    queries.losses({ from, to }, { signal }),
    staged({ limit: 1, signal }),
  ]);
  const quality: QualityJson = { losses: lost.losses, staged: waiting.staged };
  return {
    answer: given,
    common: { selection: selectionJson(selection), cost: costJson(given.cost), quality },
  };
}
