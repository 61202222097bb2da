// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps storage within a bound of bytes: the oldest partitions go before the disk is full.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { StorageClient } from "./client.ts";
import { RESOLUTIONS, tablesOf } from "./resolutions.ts";

const logger = getLogger(["aperture", "storage"]);

/** Says what storage may take. */
export type StorageLimit = { readonly bytes: number } | { readonly share: number };

/** Is a partition as `system.parts` has it. */
export interface Partition {
  readonly table: string;
  readonly id: string;
  readonly bytes: number;
  /** The time is in Unix seconds. */
  readonly newest: number;
}

/** The finest go first, as the next ones have their sums; batches go with minutes. */
const ORDER: readonly (readonly string[])[] = RESOLUTIONS.map((resolution) => [
  ...tablesOf(resolution),
  ...(resolution.name === "1m" ? ["batches"] : []),
]);

const PARTITIONS = `
SELECT table, partition_id AS id, toString(sum(bytes_on_disk)) AS bytes, toUnixTimestamp(max(max_time)) AS newest
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table, partition_id`;

const DISK = `SELECT toString(sum(total_space)) AS total FROM system.disks WHERE type = 'Local'`;

/**
 * Chooses what must go so that `partitions` take at most `limit` bytes: the oldest hours of samples, waits and calls
 * first, then minutes, hours and days. Of each resolution the newest time stays: batches that come now are not
 * lost to those that came before.
 */
export function partitionsToDrop(partitions: readonly Partition[], limit: number): Partition[] {
  let bytes = partitions.reduce((sum, partition) => sum + partition.bytes, 0);
  const dropped: Partition[] = [];
  for (const tables of ORDER) {
    const own = partitions.filter(({ table }) => tables.includes(table));
    const times = [...new Set(own.map(({ newest }) => newest))].sort((a, b) => a - b);
    const last = times.at(-1);
    for (const partition of own.toSorted((a, b) => a.newest - b.newest)) {
      if (bytes <= limit) return dropped;
      if (partition.newest === last || isOfTheSamePeriod(partition, own, last)) continue;
      dropped.push(partition);
      bytes -= partition.bytes;
    }
  }
  return dropped;
}

/** Returns whether a partition is of the period that ends last: tables of one period end at different seconds of it. */
function isOfTheSamePeriod(
  { id }: Partition,
  partitions: readonly Partition[],
  last: number | undefined,
): boolean {
  return partitions.some((partition) => partition.newest === last && partition.id === id);
}

/**
 * Drops what is too much.
 *
 * @returns the partitions that went
 * @throws {StorageError}
 */
export async function enforceLimit(client: StorageClient, limit: StorageLimit): Promise<Partition[]> {
  const rows = await client.rows<Omit<Partition, "bytes"> & { bytes: string }>(PARTITIONS);
  const bytes = "bytes" in limit ? limit.bytes : await shareOfDisk(client, limit.share);
  const partitions = rows.map((row) => ({
    ...row,
    table: row.table.replace(/_local$/, ""),
    bytes: Number(row.bytes),
  }));
  const dropped = partitionsToDrop(partitions, bytes);
  for (const { table, id, bytes: size } of dropped) {
    await client.command(`ALTER TABLE ${client.localTable(table)} DROP PARTITION ID {id:String}`, {
      params: { id },
    });
    logger.warn("dropped partition {id} of {table}, {size} bytes, as storage may take no more than {bytes}", {
      ...{ id, table, size, bytes },
    });
  }
  return dropped;
}

async function shareOfDisk(client: StorageClient, share: number): Promise<number> {
  const [disk] = await client.rows<{ total: string }>(DISK);
  return Number(disk?.total ?? 0) * share;
}
