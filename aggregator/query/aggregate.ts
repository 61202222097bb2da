/**
 * A selection's values summed by function, by module, by labels, or by both.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { fetchFrames, MISSING_FRAME } from "./content.ts";
import { checkLimit, labelSql, type SelectionSql, selectionSql } from "./selection.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import type { AggregateAnswer, AggregateRow, GroupBy, Label, Selection } from "./types.ts";
import { spreadSql } from "./weights.ts";

/** A row of either statement; 64-bit numbers are decimal text. */
type Row = Readonly<Record<string, string>> & {
  readonly self_value: string;
  readonly self_count: string;
  readonly total_value: string;
  readonly total_count: string;
  readonly all_value: string;
  readonly all_count: string;
};

/** By labels alone: no stack is looked at, and self is total. */
const labelsSql = (weights: string, labels: readonly string[]) => `
SELECT
    ${labels.join(", ")},
    sum(value) AS self_value,
    sum(count) AS self_count,
    self_value AS total_value,
    self_count AS total_count,
    sum(self_value) OVER () AS all_value,
    sum(self_count) OVER () AS all_count
FROM (${weights})
GROUP BY ${labels.join(", ")}
ORDER BY self_value DESC, self_count DESC, ${labels.join(", ")}
LIMIT {limit:UInt32}`;

/** Up to the limit of rows of each sort: those of functions, and those with the sums of all (key 0). */
const framesSql = (spread: string, labels: readonly string[]) => `
SELECT
    *,
    sumIf(total_value, key = 0) OVER () AS all_value,
    sumIf(total_count, key = 0) OVER () AS all_count
FROM (${spread})
ORDER BY ${
  ["self_value DESC", "total_value DESC", "self_count DESC", "total_count DESC", ...labels, "key"].join(", ")
}
LIMIT {limit:UInt32} BY key = 0`;

/**
 * The `limit` largest groups of `selection` by their self value, then by their total.
 *
 * @param options.groupBy @default {["function"]}
 * @param options.limit @default {100}
 * @throws {RangeError} when the selection, a group or the limit makes no sense
 * @throws {StorageError}
 */
export async function aggregate(
  client: StorageClient,
  selection: Selection,
  { groupBy = ["function"], limit = 100, signal }: {
    groupBy?: readonly GroupBy[];
    limit?: number;
    signal?: AbortSignal;
  } = {},
): Promise<AggregateAnswer> {
  const groups = groupBy.length > 0 ? groupBy : ["function"] as const;
  const by = groups.includes("function") ? "function" : groups.includes("module") ? "module" : undefined;
  const labels = [...new Set(groups)].filter((group): group is Label =>
    group !== "function" && group !== "module"
  );
  const selected = selectionSql(selection);
  const weights = weightsSql(selected, { labels, stack: by !== undefined });
  const columns = labels.map((label) => `label_${label}`);
  const sql = by === undefined ? labelsSql(weights, columns) : framesSql(
    spreadSql({ weights, labels: columns, sums: ["value", "count"], samples: selected.samples, by }),
    columns,
  );
  const rows = await client.rows<Row>(sql, {
    params: { ...selected.params, limit: checkLimit(limit) },
    signal,
  });
  return await toAnswer(client, rows, { groups, signal });
}

/** The selection's sums by labels, and by stack where asked. */
function weightsSql(
  { samples, series }: SelectionSql,
  { labels, stack }: { labels: readonly Label[]; stack: boolean },
): string {
  const stackColumn = stack ? ["stack"] : [];
  if (labels.length === 0) {
    return `SELECT stack, sum(samples.value) AS value, sum(samples.count) AS count
FROM (${samples}) AS samples GROUP BY stack`;
  }
  const keys = [...stackColumn, ...labels.map((label) => `label_${label}`)].join(", ");
  const own = ["series", ...stackColumn].join(", ");
  const named = labels.map((label) => `${labelSql(label)} AS label_${label}`).join(", ");
  return `SELECT ${keys}, sum(series_value) AS value, sum(series_count) AS count
FROM
(
    SELECT ${own}, sum(samples.value) AS series_value, sum(samples.count) AS series_count
    FROM (${samples}) AS samples GROUP BY ${own}
) AS sums
LEFT ANY JOIN (SELECT hash AS series, ${named} FROM series WHERE ${series}) AS labels
USING series
GROUP BY ${keys}`;
}

async function toAnswer(
  client: StorageClient,
  rows: readonly Row[],
  { groups, signal }: { groups: readonly GroupBy[]; signal: AbortSignal | undefined },
): Promise<AggregateAnswer> {
  const first = rows[0];
  if (!first) return { rows: [], total: NO_TOTAL, other: NO_TOTAL };
  const shown = rows.filter(({ key }) => key !== "0");
  const frames = await fetchFrames(client, shown.flatMap(({ frame }) => frame ?? []), signal);
  const answer = shown.map((row): AggregateRow => {
    const { function: name, module } = frames.get(row["frame"] ?? "") ?? MISSING_FRAME;
    const of = { function: name, module };
    return {
      group: groups.map((group) =>
        group === "function" || group === "module" ? of[group] : row[`label_${group}`]!
      ),
      module: row["frame"] === undefined ? "" : module,
      self: toTotal(row.self_value, row.self_count),
      total: toTotal(row.total_value, row.total_count),
    };
  });
  return {
    rows: answer,
    total: toTotal(first.all_value, first.all_count),
    other: rest(
      [first.all_value, first.all_count],
      shown.map(({ self_value, self_count }) => [self_value, self_count]),
    ),
  };
}
