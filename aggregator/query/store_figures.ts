// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what storage holds, and what it takes.
 *
 * @module
 */

import type { Question } from "./question.ts";
import type { StoreAnswer } from "./store_answers.ts";

const TABLES = `
SELECT replaceOne(table, '_local', '') AS name, sum(rows) AS row_count, sum(bytes_on_disk) AS bytes,
    count() AS parts, uniqExact(partition) AS partitions,
    toUnixTimestamp(min(min_time)) AS oldest, toUnixTimestamp(max(max_time)) AS newest
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY name
ORDER BY bytes DESC, name`;

const DISKS = `
SELECT sum(free_space) AS free, sum(total_space) AS total FROM system.disks WHERE type = 'Local'`;

/** Asks for the tables of the server that answers, and for its disks. @throws {StorageError} */
export async function storeFigures(question: Question): Promise<StoreAnswer> {
  type Row = Readonly<Record<"row_count" | "bytes" | "parts" | "partitions", string>> & {
    readonly name: string;
    readonly oldest: number;
    readonly newest: number;
  };
  const tables = await question.rows<Row>(TABLES);
  const [disk] = await question.rows<{ free: string; total: string }>(DISKS);
  return {
    tables: tables.map((row) => ({
      name: row.name,
      rows: Number(row.row_count),
      bytes: Number(row.bytes),
      parts: Number(row.parts),
      partitions: Number(row.partitions),
      // Names have no time.
      oldest: row.oldest === 0 ? undefined : row.oldest * 1000,
      newest: row.newest === 0 ? undefined : row.newest * 1000,
    })),
    disk: { free: Number(disk?.free ?? 0), total: Number(disk?.total ?? 0) },
    cost: question.cost,
  };
}
