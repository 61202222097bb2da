/**
 * How long what is stored is kept.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { StorageClient } from "./client.ts";

const logger = getLogger(["aperture", "storage"]);

/** From what a row's age counts, and how many days longer than samples it lives. */
const TABLES = [
  { table: "samples", time: "bucket", extra: 0 },
  { table: "locks", time: "bucket", extra: 0 },
  { table: "syscalls", time: "bucket", extra: 0 },
  { table: "batches", time: "toDateTime(start)", extra: 0 },
  // `day` is the midnight before the last sample that refers to the row: a day, and one for the merge.
  { table: "stacks", time: "day", extra: 2 },
  { table: "frames", time: "day", extra: 2 },
  { table: "series", time: "day", extra: 2 },
] as const;

/**
 * Lets the server drop what is older than `days`; samples go by whole days, once all of a day is too old.
 *
 * @returns the tables for which that was another number before
 * @throws {RangeError} when `days` is not a whole number from 1 to 36,500
 * @throws {StorageError}
 */
export async function setRetention(client: StorageClient, days: number): Promise<string[]> {
  if (!Number.isInteger(days) || days < 1 || days > 36_500) {
    throw new RangeError(
      `Cannot keep data for a number of days that is not from 1 to 36500: current value is ${days}`,
    );
  }
  const rows = await client.rows<{ name: string; engine_full: string }>(
    "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()",
  );
  const engines = new Map(rows.map((row) => [row.name, row.engine_full]));
  const changed: string[] = [];
  for (const { table, time, extra } of TABLES) {
    // As the server writes it. Parts are rewritten or looked through when it changes, so only then.
    const ttl = `TTL ${time} + toIntervalDay(${days + extra})`;
    if (engines.get(table)?.includes(`${ttl} `)) continue;
    await client.command(`ALTER TABLE ${table} MODIFY ${ttl}`);
    changed.push(table);
    logger.info("rows of {table} are kept for {days} days", { table, days: days + extra });
  }
  return changed;
}
