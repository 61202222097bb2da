/**
 * A migrated database on an embedded engine of its own.
 *
 * @module
 */

import { EmbeddedClickHouse } from "../../aggregator/embedded/supervisor.ts";
import { StorageClient, type StorageOptions } from "../../aggregator/storage/client.ts";
import { createDatabase, migrate } from "../../aggregator/storage/migrate.ts";

export interface TestStorage extends AsyncDisposable {
  readonly options: StorageOptions;
  readonly client: StorageClient;
}

/**
 * Starts an engine, and makes its database ready.
 *
 * @param dataDir kept; without it a temporary one, removed with the engine
 */
export async function startStorage(dataDir?: string): Promise<TestStorage> {
  await using stack = new AsyncDisposableStack();
  const folder = dataDir ?? await Deno.makeTempDir({ prefix: "aperture_storage_" });
  if (dataDir === undefined) stack.defer(() => Deno.remove(folder, { recursive: true }));
  const engine = stack.use(await EmbeddedClickHouse.start({ dataDir: folder }));
  const options = { url: engine.url, username: engine.username, password: engine.password };
  await createDatabase(options);
  const client = stack.use(new StorageClient(options));
  await migrate(client);
  const owned = stack.move();
  return { options, client, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
