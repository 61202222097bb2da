// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what storage holds, and what it takes.
 *
 * @module
 */

import type { Question } from "./question.ts";
import type { StoreAnswer } from "./store_answers.ts";

const TABLES = `
SELECT replaceOne(table, '_local', '') AS name, any(parts.table) AS own, sum(rows) AS row_count,
    sum(bytes_on_disk) AS bytes, count() AS parts, uniqExact(partition) AS partitions,
    toUnixTimestamp(min(min_time)) AS oldest, toUnixTimestamp(max(max_time)) AS newest,
    own IN (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'bucket') AS in_buckets
FROM system.parts AS parts
WHERE active AND database = currentDatabase()
GROUP BY name
ORDER BY bytes DESC, name`;

/** Is one table, on the server that answers; times are in Unix s, 0 for none. */
interface Row {
  readonly name: string;
  /** Is what the server calls it. */
  readonly own: string;
  /** 64-bit numbers are decimal text. */
  readonly row_count: string;
  readonly bytes: string;
  readonly parts: string;
  readonly partitions: string;
  readonly oldest: number;
  readonly newest: number;
  /** Is 1 where rows are of buckets: parts know their periods alone, and one of days is a month. */
  readonly in_buckets: number;
}

/** Makes the statement of when the first and the last bucket of a table begin. */
const bucketsSql = ({ name, own, oldest, newest }: Row) => `
SELECT '${name}' AS name, toUnixTimestamp(min(time)) AS oldest, toUnixTimestamp(max(time)) AS newest
FROM \`${own}\`
WHERE period IN (toDateTime(${oldest}, 'UTC'), toDateTime(${newest}, 'UTC'))`;

const DISKS = `
SELECT sum(free_space) AS free, sum(total_space) AS total FROM system.disks WHERE type = 'Local'`;

/** Asks for the tables of the server that answers, and for its disks. @throws {StorageError} */
export async function storeFigures(question: Question): Promise<StoreAnswer> {
  const tables = await question.rows<Row>(TABLES);
  const inBuckets = tables.filter(({ in_buckets }) => in_buckets === 1);
  const times = inBuckets.length === 0 ? [] : await question.rows<Pick<Row, "name" | "oldest" | "newest">>(
    inBuckets.map(bucketsSql).join("\nUNION ALL"),
  );
  const timesOf = new Map(times.map((row) => [row.name, row]));
  const [disk] = await question.rows<{ free: string; total: string }>(DISKS);
  return {
    tables: tables.map((row) => ({
      name: row.name,
      rows: Number(row.row_count),
      bytes: Number(row.bytes),
      parts: Number(row.parts),
      partitions: Number(row.partitions),
      ...timesIn(timesOf.get(row.name) ?? row),
    })),
    disk: { free: Number(disk?.free ?? 0), total: Number(disk?.total ?? 0) },
    cost: question.cost,
  };
}

/** Names have no time, and what has gone meanwhile has none any more. */
function timesIn({ oldest, newest }: Pick<Row, "oldest" | "newest">) {
  return {
    oldest: oldest === 0 ? undefined : oldest * 1000,
    newest: newest === 0 ? undefined : newest * 1000,
  };
}
