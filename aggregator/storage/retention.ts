// SPDX-License-Identifier: Apache-2.0
/**
 * Sets how long what is stored is kept.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { StorageClient } from "./client.ts";
import { type Resolution, RESOLUTIONS, tablesOf } from "./resolutions.ts";

const logger = getLogger(["aperture", "storage"]);

const HOUR_MS = 3_600_000;
const MAX_HOURS = 100 * 365 * 24;

/** Says how long each resolution of time is kept, in ms. */
export interface Retention {
  /** Is for buckets of 10 s. */
  readonly fine: number;
  /** Is for minutes, the batches and the history of alerts. */
  readonly minutes: number;
  /** Is for hours and days. What samples refer to is kept as long as the longest of the three. */
  readonly hours: number;
}

const DAY_MS = 24 * HOUR_MS;

/** Keeps a week of 10 s, a month of minutes, a year of hours. */
export const DEFAULT_RETENTION: Retention = { fine: 7 * DAY_MS, minutes: 30 * DAY_MS, hours: 365 * DAY_MS };

/** Names what rows are kept as long as: `longest` are those that others refer to. */
type Kept = keyof Retention | "longest";

const KEPT: Readonly<Record<Resolution["name"], keyof Retention>> = {
  ...{ "10s": "fine", "1m": "minutes", "1h": "hours", "1d": "hours" },
};

/** Says from what a row's age counts, and how many hours later than its beginning a partition's last row may be. */
const TABLES: readonly { table: string; time: string; of: Kept; extra: number }[] = [
  ...RESOLUTIONS.flatMap((resolution) =>
    tablesOf(resolution).map((table) => {
      return { table, time: "period", of: KEPT[resolution.name], extra: resolution.periodHours };
    })
  ),
  { table: "batches", time: "toDateTime(start)", of: "minutes", extra: 0 },
  ...["alert_turns", "alert_outcomes", "alert_deliveries"].map((table) => {
    return { table, time: "toDateTime(at)", of: "minutes" as const, extra: 0 };
  }),
  // What a silence was for can be read for as long as what it hid.
  { table: "alert_silences", time: "toDateTime(until)", of: "minutes", extra: 0 },
  // `day` is the midnight before the last sample that refers to the row, and that may be in a month's partition.
  ...["functions", "locations", "symbols", "stacks", "series", "debug_ranges", "debug_files"].map((table) => {
    return { table, time: "toDateTime(day)", of: "longest" as const, extra: 33 * 24 };
  }),
];

/**
 * Lets the server drop what is older than `retention` says; rows with a time go by whole partitions, once all of one is
 * too old.
 *
 * @returns the tables for which that was another number before
 * @throws {RangeError} when a time is not from one hour to 100 years
 * @throws {StorageError}
 */
export async function setRetention(client: StorageClient, retention: Retention): Promise<string[]> {
  for (const [name, ms] of Object.entries(retention)) {
    if (ms >= HOUR_MS && ms <= MAX_HOURS * HOUR_MS) continue;
    throw new RangeError(
      `Cannot keep data for a time that is not from 1 hour to 100 years: current value of '${name}' is ${ms} ms`,
    );
  }
  const rows = await client.rows<{ name: string; engine_full: string }>(
    "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()",
  );
  const engines = new Map(rows.map((row) => [row.name, row.engine_full]));
  const longest = Math.max(...Object.values(retention));
  const changed: string[] = [];
  for (const { table, time, of, extra } of TABLES) {
    const hours = Math.ceil((of === "longest" ? longest : retention[of]) / HOUR_MS) + extra;
    // As the server writes it. Parts are rewritten or looked through when it changes, so only then.
    const ttl = `TTL ${time} + toIntervalHour(${hours})`;
    const name = client.localTable(table);
    if (engines.get(name)?.includes(`${ttl} `)) continue;
    await client.command(`ALTER TABLE ${name} MODIFY ${ttl}`);
    changed.push(table);
    logger.info("rows of {table} are kept for {hours} hours", { table, hours });
  }
  return changed;
}
