// SPDX-License-Identifier: Apache-2.0
/**
 * A migrated database on an embedded engine.
 *
 * @module
 */

import { EmbeddedClickHouse } from "../../aggregator/embedded/supervisor.ts";
import type { QueriesOptions } from "../../aggregator/query/queries.ts";
import { StorageClient, type StorageOptions } from "../../aggregator/storage/client.ts";
import { createDatabase, migrate } from "../../aggregator/storage/migrate.ts";
import { askShared } from "./shared.ts";

/** Questions of tests have the time that a busy machine takes, as long as the client waits. */
export const PATIENT: QueriesOptions = { limits: { timeoutMs: 120_000 } };

export interface TestStorage extends AsyncDisposable {
  readonly options: StorageOptions;
  readonly client: StorageClient;
  /** Leaves the parts of this database's tables as they are inserted; other databases share the engine. */
  stopMerges(): Promise<void>;
}

/**
 * Makes a database ready: on the engine that the tests of a run share, one that nobody else has meanwhile.
 *
 * @param options.dataDir for an engine of its own, whose data stay there
 * @param options.isForAggregator is true where an aggregator of default settings is to have it; else rows stay, however
 * old they are
 */
export async function startStorage(
  { dataDir, isForAggregator = false }: { dataDir?: string; isForAggregator?: boolean } = {},
): Promise<TestStorage> {
  await using stack = new AsyncDisposableStack();
  // On a busy machine an insert waits for its turn.
  const timeout = 120_000;
  const form = isForAggregator ? "kept" : "migrated";
  const shared = dataDir === undefined ? await askShared(`/databases/${form}`) : undefined;
  const options: StorageOptions & { readonly database: string } = shared
    ? { ...await shared.json() as StorageOptions & { database: string }, timeout }
    : { ...await startEngine(stack, dataDir), timeout, database: "aperture" };
  const client = new StorageClient(options);
  let areMergesStopped = false;
  stack.defer(async () => {
    // Merges stay stopped for the next who has these tables.
    if (shared && areMergesStopped) await client.command(`DROP DATABASE ${options.database} SYNC`);
    await client[Symbol.asyncDispose]();
    if (shared && !areMergesStopped) {
      await (await askShared(`/databases/given/${options.database}`))!.body?.cancel();
    }
  });
  if (!shared) {
    await createDatabase(options);
    await migrate(client);
  }
  const owned = stack.move();
  const stopMerges = async () => {
    areMergesStopped = true;
    const tables = await client.rows<{ name: string }>(
      "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
    );
    for (const { name } of tables) {
      await client.command(`SYSTEM STOP MERGES {name:Identifier}`, { params: { name } });
    }
  };
  return { options, client, stopMerges, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function startEngine(
  stack: AsyncDisposableStack,
  dataDir: string | undefined,
): Promise<StorageOptions> {
  const folder = dataDir ?? await Deno.makeTempDir({ prefix: "aperture_storage_" });
  if (dataDir === undefined) stack.defer(() => Deno.remove(folder, { recursive: true }));
  const { url, username, password } = stack.use(await EmbeddedClickHouse.start({ dataDir: folder }));
  return { url, username, password };
}
