// SPDX-License-Identifier: Apache-2.0
/**
 * Aggregators of tests that are not about the engine: each has a database of its own on the one that tests share, as an
 * engine takes longer to start, and more of a CPU, than the rest of an aggregator.
 *
 * @module
 */

import { type AggregatorOptions, RunningAggregator } from "../../tasks/programs.ts";
import type { StorageOptions } from "../../aggregator/storage/client.ts";
import { TempFolder } from "./programs.ts";
import { startStorage } from "./storage.ts";

/** Starts an aggregator on a database of its own; both end with `cleanup`. */
export async function startAggregator(
  cleanup: AsyncDisposableStack,
  { args = [], env = {}, ...options }: AggregatorOptions = {},
): Promise<RunningAggregator> {
  const folder = cleanup.use(new TempFolder());
  const storage = cleanup.use(
    await startStorage({ isForAggregator: env["APERTURE_RETENTION"] === undefined }),
  );
  return cleanup.use(
    await RunningAggregator.start({
      ...options,
      args: [`--data-dir=${folder.path}`, ...args],
      env: { ...storageEnv(storage.options), ...env },
    }),
  );
}

/** Returns the settings by which an aggregator has its tables there. */
export function storageEnv({ url, username, password, database }: StorageOptions): Record<string, string> {
  return {
    APERTURE_CLICKHOUSE_ENDPOINT: String(url),
    APERTURE_CLICKHOUSE_USER: username ?? "default",
    APERTURE_CLICKHOUSE_PASSWORD: password ?? "",
    APERTURE_CLICKHOUSE_DATABASE: database ?? "aperture",
  };
}
