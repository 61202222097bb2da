// SPDX-License-Identifier: Apache-2.0
/**
 * Gives the form that the schema takes on a cluster: tables of replicas, and over them, where the cluster has several
 * shards, tables that read from and write to all of these.
 *
 * The database has the engine Replicated, which carries statements that make and change tables to all servers; the
 * tables have the Replicated… engines, which carry rows, and know a repeated insert whichever replica it reaches.
 *
 * @module
 */

/** Rewrites `sql` with the engines of replicas. */
export function replicated(sql: string): string {
  return sql
    .replaceAll(/(\bENGINE\s*=\s*)(\w*MergeTree\b)/g, "$1Replicated$2")
    .replaceAll("non_replicated_deduplication_window", "replicated_deduplication_window");
}

/** Says what of a table's rows decides on their shard: what belongs together stays together. */
const SHARD_KEYS: readonly (readonly [column: string, key: string])[] = [
  ["node LowCardinality(String)", "cityHash64(node)"],
  ["build_id String", "cityHash64(build_id)"],
  ["hash UInt64", "hash"],
  ["location UInt64", "location"],
  ["key UInt64", "key"],
];

/**
 * Rewrites one statement for a cluster of several shards. A table becomes one of each server, `NAME_local`, and one of
 * that name over all of them, and what changes a table changes both; a view fills the tables of its own server. Rows of
 * a node are on one shard.
 *
 * @param cluster as the server's configuration calls it
 * @returns the statements to run in its place
 */
export function sharded(statement: string, cluster: string): string[] {
  const sql = replicated(statement);
  const table = /CREATE TABLE IF NOT EXISTS (\w+)/.exec(sql)?.[1];
  if (table !== undefined) {
    // Which migrations were applied is known to all, by the replicas of one shard: they are written where one asks.
    const key = SHARD_KEYS.find(([column]) => sql.includes(column))?.[1] ?? "0";
    return [
      sql.replace(`CREATE TABLE IF NOT EXISTS ${table}`, `CREATE TABLE IF NOT EXISTS ${table}_local`),
      `CREATE TABLE IF NOT EXISTS ${table} AS ${table}_local
ENGINE = Distributed(${quote(cluster)}, currentDatabase(), '${table}_local', ${key})`,
    ];
  }
  const altered = /^ALTER TABLE \w+/m.exec(sql)?.[0];
  if (altered !== undefined) {
    const local = sql.replace(altered, `${altered}_local`);
    // How rows are stored is no matter of a table over others.
    return /\bMODIFY (SETTING|COLUMN \w+ CODEC)\b/.test(sql) ? [local] : [local, sql];
  }
  const view = /CREATE MATERIALIZED VIEW IF NOT EXISTS \w+ TO (\w+) AS[^]*?\bFROM (\w+)/.exec(sql);
  if (view === null) return [sql];
  const [, target, source] = view;
  return [
    sql.replace(` TO ${target} AS`, ` TO ${target}_local AS`)
      .replace(new RegExp(`\\bFROM ${source}\\b`), `FROM ${source}_local AS ${source}`),
  ];
}

/**
 * Makes the statement that makes `database` on all servers of `cluster`, unless it is there. Each server's macros must
 * have its `shard` and `replica`.
 */
export function createReplicatedDatabase(database: string, cluster: string): string {
  // ClickHouse takes no parameter for either of the two.
  const path = quote(`/aperture/databases/${database}`);
  return `CREATE DATABASE IF NOT EXISTS {database:Identifier} ON CLUSTER ${quote(cluster)} ` +
    `ENGINE = Replicated(${path}, '{shard}', '{replica}')`;
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
