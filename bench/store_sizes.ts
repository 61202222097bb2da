// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what a filled store takes on disk.
 *
 * @module
 */

import type { StorageClient } from "../aggregator/storage/client.ts";
import type { Row } from "./row.ts";

/** Are samples of a core that is never idle, a day at 20 Hz. */
const CORE_DAY_SAMPLES = 20 * 86_400;
/** Are what Elastic says that its Universal Profiling stores of a core and day at 20 Hz. */
const ELASTIC_CORE_DAY_BYTES = 13.3e6;

/** Says what a filled store takes on disk. */
export interface Sizes {
  readonly rows: number;
  /** Counts the samples that the rows are sums of. */
  readonly samples: number;
  readonly bytes: number;
  readonly own: number;
}

/** Asks for the rows and bytes of a store that {@linkcode fillStore} filled for a day, and {@linkcode fillMonth} before. */
export async function sizes(client: StorageClient): Promise<Sizes> {
  const [row] = await client.rows<{ rows: string; all: string; own: string; samples: string }>(
    // Of the days before the one that was filled there are days alone.
    `SELECT sumIf(parts.rows, table = 'samples') AS rows, (SELECT sum(count) FROM samples_1h) AS samples, sum(bytes_on_disk / if(table = 'samples_1d', 30, 1)) AS all,
      sumIf(bytes_on_disk, table = 'samples') AS own
    FROM system.parts AS parts WHERE active AND database = currentDatabase() AND table NOT LIKE 'bench%'`,
  );
  return {
    rows: Number(row!.rows),
    samples: Number(row!.samples),
    bytes: Number(row!.all),
    own: Number(row!.own),
  };
}

/**
 * Returns the rows of the table on bytes. The rival is a row with its labels and its whole stack as text, of some rows of
 * the hour that begins at `hour`, in Unix seconds.
 */
export async function bytes(
  client: StorageClient,
  { rows, samples, bytes, own }: Sizes,
  { hour }: { hour: number },
): Promise<Row[]> {
  const text = `SELECT stack, arrayStringConcat(groupArray(concat(module, '!', name)), ';') AS text
    FROM (SELECT hash AS stack, location FROM stacks ARRAY JOIN locations AS location) AS places
    LEFT ANY JOIN (SELECT location, argMax(functions, rank)[-1] AS key FROM symbols GROUP BY location) AS names USING location
    LEFT ANY JOIN functions USING key
    GROUP BY stack`;
  await client.command("DROP TABLE IF EXISTS bench_text");
  await client.command(
    `CREATE TABLE bench_text (kind LowCardinality(String), time DateTime, node LowCardinality(String), service LowCardinality(String),
      comm LowCardinality(String), pid UInt32, stack String CODEC(ZSTD(1)), value UInt64, count UInt64)
    ENGINE = MergeTree ORDER BY (kind, node, time)`,
  );
  await client.command(
    `INSERT INTO bench_text SELECT toString(kind), time, node, service, comm, pid, text, value, count
    FROM (SELECT kind, time, node, series, stack, value, count FROM samples WHERE period = toDateTime(${hour}, 'UTC') AND node IN ('node-1', 'node-2', 'node-3')) AS own
    LEFT ANY JOIN (SELECT hash AS series, service, comm, pid FROM series) AS labels USING series
    LEFT ANY JOIN (${text}) AS stacks USING stack`,
  );
  await client.command("OPTIMIZE TABLE bench_text FINAL");
  const [row] = await client.rows<{ bytes: number }>(
    "SELECT sum(bytes_on_disk) / sum(rows) AS bytes FROM system.parts WHERE active AND table = 'bench_text'",
  );
  const rival = { name: "whole stack as text in each row", value: row!.bytes };
  return [
    {
      what: "a sample row on disk, with sums of minutes and hours and all names",
      ours: bytes / rows,
      unit: "bytes",
      less: true,
      rival,
    },
    {
      what: "a sample row on disk, buckets of 10 s alone",
      ours: own / rows,
      unit: "bytes",
      less: true,
      rival,
    },
    {
      what: "a day of a core that is never idle, sampled at 20 Hz",
      ours: bytes / samples * CORE_DAY_SAMPLES,
      unit: "bytes",
      less: true,
      rival: { name: "what Elastic publishes for a core and day", value: ELASTIC_CORE_DAY_BYTES },
    },
  ];
}
