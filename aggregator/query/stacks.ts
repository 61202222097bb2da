/**
 * The largest stacks of a selection.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import type { Frame, Kind, Profile } from "../../profile/model.ts";
import type { StorageClient } from "../storage/client.ts";
import { fetchFrames, fetchStacks, MISSING_FRAME } from "./content.ts";
import { checkLimit, selectionSql } from "./selection.ts";
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
    FROM samples
    WHERE ${samples}
    GROUP BY series, stack
) AS sums
LEFT ANY JOIN (SELECT hash AS series, toString(comm) AS comm FROM series WHERE ${series}) AS labels
USING series
GROUP BY comm, stack
ORDER BY value DESC, count DESC, comm, stack
LIMIT {limit:UInt32}`;

/** One row of the answer; 64-bit numbers are decimal text. */
export interface StackRow {
  readonly comm: string;
  readonly stack: string;
  readonly value: string;
  readonly count: string;
}

type Row = StackRow & { readonly all_value: string; readonly all_count: string };

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
  if (!first) return { profile: new ProfileBuilder().build(), total: NO_TOTAL, other: NO_TOTAL };
  const stacks = await fetchStacks(client, rows.map(({ stack }) => stack), signal);
  const frames = await fetchFrames(client, hashesIn(stacks.values()), signal);
  return {
    profile: toProfile(selection.kind, rows, { stacks, frames }),
    total: toTotal(first.all_value, first.all_count),
    other: rest([first.all_value, first.all_count], rows.map(({ value, count }) => [value, count])),
  };
}

/** Rows, and what their hashes stand for, as a profile. */
export function toProfile(
  kind: Kind,
  rows: readonly StackRow[],
  { stacks, frames }: {
    stacks: ReadonlyMap<string, readonly string[]>;
    frames: ReadonlyMap<string, Frame>;
  },
): Profile {
  const builder = new ProfileBuilder();
  const frameRows = new Map<string, number>();
  const frameRow = (hash: string) => {
    let row = frameRows.get(hash);
    if (row === undefined) frameRows.set(hash, row = builder.frame(frames.get(hash) ?? MISSING_FRAME));
    return row;
  };
  for (const { comm, stack, value, count } of rows) {
    const stackRow = builder.stack((stacks.get(stack) ?? [""]).map(frameRow));
    builder.add(kind, builder.series({ comm }), stackRow, Number(value), Number(count));
  }
  return builder.build();
}

function* hashesIn(stacks: Iterable<readonly string[]>): Generator<string> {
  for (const frames of stacks) yield* frames;
}
