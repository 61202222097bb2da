/**
 * The values of a label.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { checkLimit, labelSql, selectionSql } from "./selection.ts";
import { toTotal } from "./totals.ts";
import type { Label, LabelValue, PodLabel, Selection } from "./types.ts";

const sql = (label: string, { samples, series }: { samples: string; series: string }) => `
SELECT label, sum(series_value) AS value, sum(series_count) AS count
FROM
(
    SELECT series, sum(samples.value) AS series_value, sum(samples.count) AS series_count
    FROM (${samples}) AS samples
    GROUP BY series
) AS sums
LEFT ANY JOIN (SELECT hash AS series, ${label} AS label FROM series WHERE ${series}) AS labels
USING series
GROUP BY label
ORDER BY value DESC, count DESC, label
LIMIT {limit:UInt32}`;

/**
 * The `limit` largest values of `label` in `selection`; "" is among them where some series have none.
 *
 * @param options.limit @default {1000}
 * @throws {RangeError} when the label, the selection or the limit makes no sense
 * @throws {StorageError}
 */
export async function labelValues(
  client: StorageClient,
  label: Label | PodLabel,
  selection: Selection,
  { limit = 1000, signal }: { limit?: number; signal?: AbortSignal } = {},
): Promise<readonly LabelValue[]> {
  const selected = selectionSql(selection);
  const rows = await client.rows<{ label: string; value: string; count: string }>(
    sql(labelSql(label), selected),
    { params: { ...selected.params, limit: checkLimit(limit) }, signal },
  );
  return rows.map(({ label, value, count }) => ({ value: label, total: toTotal(value, count) }));
}
