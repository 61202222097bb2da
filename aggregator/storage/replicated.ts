/**
 * The form that the schema takes on a cluster of replicas: one shard, each server with all data.
 *
 * The database has the engine Replicated, which carries statements that make and change tables to all replicas; the
 * tables have the Replicated… engines, which carry rows, and know a repeated insert whichever replica it reaches.
 *
 * @module
 */

/** `sql` with the engines of replicas. */
export function replicated(sql: string): string {
  return sql
    .replaceAll(/(\bENGINE\s*=\s*)(\w*MergeTree\b)/g, "$1Replicated$2")
    .replaceAll("non_replicated_deduplication_window", "replicated_deduplication_window");
}

/**
 * The statement that makes `database` on all servers of `cluster`, unless it is there. Each server's macros must have
 * its `shard` and `replica`.
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
