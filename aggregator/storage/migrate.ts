// SPDX-License-Identifier: Apache-2.0
/**
 * Brings a database to the schema of this program.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { createHash } from "node:crypto";
import { StorageClient, type StorageOptions } from "./client.ts";
import { createReplicatedDatabase, replicated, sharded } from "./replicated.ts";
import { forResolutions } from "./resolutions.ts";
import { splitStatements } from "./split_statements.ts";

const logger = getLogger(["aperture", "storage"]);

/** Is one numbered file of statements; each must be safe to run twice. */
export interface Migration {
  readonly number: number;
  /** Is a name like `0001_schema`. */
  readonly name: string;
  readonly sql: string;
}

/** The database cannot be used by this program. */
export class MigrationError extends Error {
  override name = "MigrationError";
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

const FOLDER = new URL("./migrations/", import.meta.url);

const RECORD = `CREATE TABLE IF NOT EXISTS migrations
(
    number UInt32,
    name String,
    checksum String,
    applied DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY number`;

/** Creates the database that `options` name, unless it is there. @throws {StorageError} */
export async function createDatabase(options: StorageOptions): Promise<void> {
  const { database = "aperture", cluster } = options;
  // A request that names a database that is not there is refused.
  await using client = new StorageClient({ ...options, database: "default" });
  const sql = cluster === undefined
    ? "CREATE DATABASE IF NOT EXISTS {database:Identifier}"
    : createReplicatedDatabase(database, cluster);
  await client.command(sql, { params: { database } });
}

/**
 * Applies the migrations that the database has not seen, in their order.
 *
 * @returns the names of those that were applied now
 * @throws {MigrationError} when the server is too old, an applied one was changed since, or the database knows one that
 * is not in `migrations`
 * @throws {StorageError}
 */
export async function migrate(
  client: StorageClient,
  migrations: readonly Migration[] = readMigrations(),
): Promise<string[]> {
  const [server] = await client.rows<{ version: string }>("SELECT version() AS version");
  checkVersion(server!.version);
  await findShards(client);
  for (const statement of formOf(client, RECORD)) await client.command(statement);
  const applied = await client.rows<Applied>("SELECT number, name, checksum FROM migrations ORDER BY number");
  const pending = pendingMigrations(client.database, migrations, applied);
  for (const { number, name, sql } of pending) {
    for (const statement of splitStatements(sql).flatMap((each) => formOf(client, each))) {
      await client.command(statement);
    }
    // As a query, so that the row is there when it returns whatever the server's default for inserts is.
    await client.command(
      "INSERT INTO migrations (number, name, checksum) SELECT {number:UInt32}, {name:String}, {checksum:String}",
      { params: { number, name, checksum: checksumOf(sql) } },
    );
    logger.info("applied migration {name} to database {database}", { name, database: client.database });
  }
  return pending.map(({ name }) => name);
}

/** Queries read bytes as arrays, which older releases do not. */
const OLDEST_VERSION = [25, 8] as const;

/** @throws {MigrationError} when a ClickHouse of `version` cannot answer this program's queries */
export function checkVersion(version: string): void {
  const [year, month] = version.split(".").map(Number);
  const [oldestYear, oldestMonth] = OLDEST_VERSION;
  if (year! > oldestYear || (year === oldestYear && month! >= oldestMonth)) return;
  throw new MigrationError(
    `Cannot use ClickHouse ${version} as it is older than ${OLDEST_VERSION.join(".")}`,
  );
}

/** Asks whether the cluster has several shards. */
async function findShards(client: StorageClient): Promise<void> {
  if (client.cluster === undefined) return;
  const [row] = await client.rows<{ shards: string }>(
    "SELECT uniqExact(shard_num) AS shards FROM system.clusters WHERE cluster = {cluster:String}",
    { params: { cluster: client.cluster } },
  );
  client.sharded = Number(row?.shards ?? 0) > 1;
}

/** Returns the statements that stand for one on this client's server or cluster. */
function formOf({ cluster, sharded: several }: StorageClient, statement: string): string[] {
  if (cluster === undefined) return [statement];
  return several ? sharded(statement, cluster) : [replicated(statement)];
}

/**
 * Returns those of `migrations` that are not in `applied`, which may name one twice: two aggregators started together.
 *
 * @throws {MigrationError}
 */
export function pendingMigrations(
  database: string,
  migrations: readonly Migration[],
  applied: readonly Applied[],
): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const { number, name, checksum } of applied) {
    const migration = known.get(number);
    if (!migration) {
      const newest = Math.max(0, ...migrations.map(({ number }) => number));
      throw new MigrationError(
        `Cannot use database '${database}' as a newer version of Aperture made it: it has migration ${name}, this version knows ${newest}`,
      );
    }
    const current = checksumOf(migration.sql);
    if (current !== checksum) {
      throw new MigrationError(
        `Cannot use database '${database}' as migration ${migration.name} was changed after it was applied: checksum is ${
          current.slice(0, 12)
        }, applied was ${checksum.slice(0, 12)}`,
      );
    }
  }
  const done = new Set(applied.map(({ number }) => number));
  return migrations.filter(({ number }) => !done.has(number));
}

/** Returns the migrations of this program, in their order, with the tables of all resolutions. */
export function readMigrations(folder = FOLDER): Migration[] {
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".sql"));
  return files.sort().map((file, index) => {
    const name = file.slice(0, -".sql".length);
    if (!file.startsWith(String(index + 1).padStart(4, "0") + "_")) {
      throw new MigrationError(
        `Cannot read the migrations as they are not numbered one after the other: ${file}`,
      );
    }
    const text = Deno.readTextFileSync(new URL(file, folder));
    const sql = splitStatements(text).flatMap(forResolutions).join(";\n\n");
    return { number: index + 1, name, sql };
  });
}

/** Returns the SHA-256 of what a migration does: the line of its licence is no part of that. */
function checksumOf(sql: string): string {
  return createHash("sha256").update(sql.replace(/^-- SPDX-License-Identifier: .*\n\n?/, "")).digest("hex");
}
