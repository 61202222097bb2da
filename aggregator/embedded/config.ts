// SPDX-License-Identifier: Apache-2.0
/**
 * Writes the engine's configuration: what it keeps in memory, and what SQL may reach.
 *
 * @module
 */

/** Lists tables whose data are in the data directory or in memory; others read files, URLs and other servers. */
const TABLE_ENGINES = [
  "MergeTree",
  "SummingMergeTree",
  "ReplacingMergeTree",
  "AggregatingMergeTree",
  "CollapsingMergeTree",
  "VersionedCollapsingMergeTree",
  "CoalescingMergeTree",
  "Memory",
  "Null",
  "Buffer",
  "Join",
  "Set",
  "Merge",
  "Log",
  "TinyLog",
  "StripeLog",
] as const;

/**
 * Grants all that concerns data. Left out are reading files and URLs, other servers, dictionaries (one may run a
 * command), functions, users, backups and the shutdown.
 */
const PRIVILEGES = [
  "SELECT",
  "INSERT",
  "ALTER TABLE",
  "ALTER VIEW",
  "CREATE DATABASE",
  "CREATE TABLE",
  "CREATE VIEW",
  "CREATE TEMPORARY TABLE",
  "DROP DATABASE",
  "DROP TABLE",
  "DROP VIEW",
  "UNDROP TABLE",
  "TRUNCATE",
  "OPTIMIZE",
  "KILL QUERY",
  "SHOW",
  "SYSTEM MERGES",
  "SYSTEM TTL MERGES",
  "SYSTEM CLEANUP",
  "SYSTEM FLUSH",
  "SYSTEM JEMALLOC",
  "SYSTEM DROP CACHE",
] as const;

/**
 * Writes the engine's configuration into `directory`, replacing what an earlier version wrote.
 *
 * @returns the path of the file for `--config-file`
 */
export function writeConfig(directory: string, { memoryBytes }: { memoryBytes: number }): string {
  const users = `${directory}/engine-users.xml`;
  Deno.writeTextFileSync(users, usersXml());
  const config = `${directory}/engine.xml`;
  Deno.writeTextFileSync(
    config,
    element("clickhouse", { users_config: users, ...serverSettings(memoryBytes) }),
  );
  return config;
}

/** Returns the sizes of what the engine keeps in memory: its own defaults are for servers with tens of GiB. */
function serverSettings(memoryBytes: number): Record<string, string> {
  const share = (part: number) => String(Math.round(memoryBytes * part));
  return {
    max_server_memory_usage: String(memoryBytes),
    // What the engine believes to use drifts upwards for good after heavy queries, until it refuses all; this takes
    // what the allocator says now and then (ClickHouse issue 117681).
    memory_worker_correct_memory_tracker: "1",
    mark_cache_size: share(1 / 16),
    primary_index_cache_size: share(1 / 16),
    uncompressed_cache_size: "0",
    query_condition_cache_size: share(1 / 64),
    parquet_metadata_cache_size: "0",
    compiled_expression_cache_size: share(1 / 64),
    max_thread_pool_free_size: "16",
    max_io_thread_pool_free_size: "0",
  };
}

function usersXml(): string {
  const queries = [
    `GRANT ${PRIVILEGES.join(", ")} ON *.*`,
    ...TABLE_ENGINES.map((engine) => `GRANT TABLE ENGINE ON \`${engine}\``),
  ];
  const grants = queries.map((query) => `<query>${escape(query)}</query>`).join("");
  const user = `<password></password><networks><ip>::/0</ip></networks><profile>default</profile>` +
    `<quota>default</quota><grants>${grants}</grants>`;
  return `<clickhouse><profiles><default></default></profiles><quotas><default></default></quotas>` +
    `<users><default>${user}</default></users></clickhouse>\n`;
}

function element(name: string, values: Readonly<Record<string, string>>): string {
  const children = Object.entries(values).map(([child, text]) => `  <${child}>${escape(text)}</${child}>\n`);
  return `<${name}>\n${children.join("")}</${name}>\n`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
