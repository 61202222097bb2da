// SPDX-License-Identifier: Apache-2.0
/**
 * Tells how far back the tables of each resolution reach.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import type { CoverOptions } from "./time_cover.ts";

type Reach = NonNullable<CoverOptions["oldest"]>;
type Sort = "fine" | "minutes" | "hours";

/** Partitions go as they age or the disk fills: what was known of them is asked again after this time. */
const KEEP_MS = 30_000;

/** A period, which is a partition, has so many seconds. */
const PERIOD = { fine: 3600, minutes: 86_400, hours: 86_400 } as const satisfies Readonly<
  Record<Sort, number>
>;

/** Parts know their periods alone. What is older than `kept` hours may go at any time, or has gone. */
const SQL = `
SELECT
    multiIf(endsWith(name, '_1m'), 'minutes', endsWith(name, '_1h'), 'hours', 'fine') AS sort,
    toUnixTimestamp(min(min_time)) AS first,
    toUnixTimestamp(max(max_time)) AS last,
    max(kept) AS kept_hours,
    toUnixTimestamp(now()) AS asked
FROM
(
    SELECT table, replaceOne(table, '_local', '') AS name, min_time, max_time
    FROM system.parts WHERE active AND database = currentDatabase() AND rows > 0
) AS parts
LEFT ANY JOIN
(
    SELECT name AS table, toUInt32OrZero(extract(engine_full, 'TTL period \\\\+ toIntervalHour\\\\((\\\\d+)\\\\)')) AS kept
    FROM system.tables WHERE database = currentDatabase()
) AS ages USING table
WHERE match(name, '^(samples|locks|syscalls|profiles)(_1m|_1h)?$')
GROUP BY sort`;

interface Row {
  readonly sort: Sort;
  /** Are Unix seconds: when the first and the last period begin, and the engine's own time. */
  readonly first: number;
  readonly last: number;
  readonly asked: number;
  /** Is 0 where rows are kept for ever. */
  readonly kept_hours: number;
}

/** Asks now and then what the oldest buckets are. */
export class Oldest {
  readonly #client: StorageClient;
  readonly #clock: () => number;
  #known: { readonly reach: Reach; readonly until: number } | undefined;

  /** @param clock in ms */
  constructor(client: StorageClient, clock: () => number = () => performance.now()) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws {StorageError} */
  async get(signal?: AbortSignal): Promise<Reach> {
    if (this.#known && this.#clock() < this.#known.until) return this.#known.reach;
    const rows = await this.#client.rows<Row>(SQL, { signal, settings: { log_comment: "aperture oldest" } });
    const reach = reachOf(new Map(rows.map((row) => [row.sort, row])));
    this.#known = { reach, until: this.#clock() + KEEP_MS };
    return reach;
  }
}

/** Where nothing is left of a resolution, it begins behind what the next one has: that has the sums of what there was. */
function reachOf(rows: ReadonlyMap<Sort, Row>): Reach {
  const [fine, minutes, hours] = (["fine", "minutes", "hours"] as const).map((sort) => rows.get(sort));
  const ofMinutes = beginOf(minutes) ?? endOf(hours) ?? 0;
  return { fine: beginOf(fine) ?? endOf(minutes) ?? ofMinutes, minutes: ofMinutes };
}

/** A batch that came late, of a time that is not kept any more, is there for a while, and nothing else of its time. */
function beginOf(row: Row | undefined): number | undefined {
  if (row === undefined) return undefined;
  const { sort, first, asked, kept_hours } = row;
  const period = PERIOD[sort];
  const oldest = kept_hours === 0 ? 0 : Math.ceil((asked - 3600 * kept_hours) / period) * period;
  return Math.max(first, oldest);
}

/** What comes from now on is there again. */
function endOf(row: Row | undefined): number | undefined {
  return row && Math.min(row.last + PERIOD[row.sort], row.asked);
}
