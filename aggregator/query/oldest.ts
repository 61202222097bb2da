// SPDX-License-Identifier: Apache-2.0
/**
 * Tells how far back the tables of each resolution reach.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import type { CoverOptions } from "./time_cover.ts";

type Reach = NonNullable<CoverOptions["oldest"]>;

/** Partitions go as they age or the disk fills: what was known of them is asked again after this time. */
const KEEP_MS = 30_000;

const SQL = `
SELECT
    toUnixTimestamp(minIf(min_time, NOT endsWith(name, '_1m'))) AS fine,
    toUnixTimestamp(minIf(min_time, endsWith(name, '_1m'))) AS minutes
FROM (SELECT replaceOne(table, '_local', '') AS name, min_time FROM system.parts WHERE active AND database = currentDatabase() AND rows > 0)
WHERE name IN ('samples', 'locks', 'syscalls', 'profiles', 'samples_1m', 'locks_1m', 'syscalls_1m', 'profiles_1m')`;

/** Asks now and then what the oldest buckets are. */
export class Oldest {
  readonly #client: StorageClient;
  readonly #clock: () => number;
  #known: { readonly reach: Reach; readonly until: number } | undefined;

  /** @param clock in ms */
  constructor(client: StorageClient, clock: () => number = () => performance.now()) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws {StorageError} */
  async get(signal?: AbortSignal): Promise<Reach> {
    if (this.#known && this.#clock() < this.#known.until) return this.#known.reach;
    const [row] = await this.#client.rows<Reach>(SQL, {
      signal,
      settings: { log_comment: "aperture oldest" },
    });
    const reach = { fine: Number(row?.fine ?? 0), minutes: Number(row?.minutes ?? 0) };
    this.#known = { reach, until: this.#clock() + KEEP_MS };
    return reach;
  }
}
