/**
 * The largest stacks of a selection.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { fetchFramesOfStacks, fetchStacks } from "./content.ts";
import { checkLimit, selectionSql } from "./selection.ts";
import { type StackRow, toProfile } from "./to_profile.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import type { Selection, StacksAnswer } from "./types.ts";

/** Samples are summed by their own key first: it is the smallest form, and the names join what is left. */
const sql = (samples: string, series: string) => `
SELECT
    comm,
    stack,
    sum(series_value) AS value,
    sum(series_count) AS count,
    sum(value) OVER () AS all_value,
    sum(count) OVER () AS all_count
FROM
(
    SELECT series, stack, sum(samples.value) AS series_value, sum(samples.count) AS series_count
    FROM (${samples}) AS samples
    GROUP BY series, stack
) AS sums
LEFT ANY JOIN (SELECT hash AS series, toString(comm) AS comm FROM series WHERE ${series}) AS labels
USING series
GROUP BY comm, stack
ORDER BY value DESC, count DESC, comm, stack
LIMIT {limit:UInt32}`;

type Row = StackRow & { readonly all_value: string; readonly all_count: string };

const NO_CONTENT = { stacks: new Map(), frames: new Map() };

/**
 * The `limit` largest of (thread name, stack) in `selection`, by value.
 *
 * @param options.limit @default {10000}
 * @throws {RangeError} when the selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function stacks(
  client: StorageClient,
  selection: Selection,
  { limit = 10_000, signal }: { limit?: number; signal?: AbortSignal } = {},
): Promise<StacksAnswer> {
  const { samples, series, params } = selectionSql(selection);
  const rows = await client.rows<Row>(sql(samples, series), {
    params: { ...params, limit: checkLimit(limit) },
    signal,
  });
  const first = rows[0];
  if (!first) return { profile: toProfile(selection.kind, [], NO_CONTENT), total: NO_TOTAL, other: NO_TOTAL };
  const hashes = rows.map(({ stack }) => stack);
  const [stacks, frames] = await Promise.all([
    fetchStacks(client, hashes, signal),
    fetchFramesOfStacks(client, hashes, signal),
  ]);
  return {
    profile: toProfile(selection.kind, rows, { stacks, frames }),
    total: toTotal(first.all_value, first.all_count),
    other: rest([first.all_value, first.all_count], rows.map(({ value, count }) => [value, count])),
  };
}
