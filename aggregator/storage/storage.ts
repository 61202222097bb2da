// SPDX-License-Identifier: Apache-2.0
/**
 * Is storage as the rest of the aggregator sees it: it may be away, and is prepared when it comes.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import { StorageClient, StorageError, type StorageOptions } from "./client.ts";
import { createDatabase, migrate } from "./migrate.ts";
import { DEFAULT_RETENTION, type Retention, setRetention } from "./retention.ts";
import { enforceLimit, type StorageLimit } from "./storage_limit.ts";

export interface OpenStorageOptions extends StorageOptions {
  /** @default {DEFAULT_RETENTION} */
  readonly retention?: Retention;
  /** Says what storage may take; without it, all that there is. */
  readonly limit?: StorageLimit | undefined;
  /** Is called with how many partitions went, as storage would have taken more than its limit. */
  readonly onDropped?: (partitions: number) => void;
  /** The pause between two tries to reach a server that is away is so long, in ms. @default {2000} */
  readonly retryMs?: number;
  /** Two looks at what storage takes are so far apart, in ms, where no write fails. @default {30000} */
  readonly lookMs?: number;
}

/** The answer to "does it answer?" may take so long, in ms. */
const PING_MS = 2000;

/**
 * Is a database, its tables made and brought up to date at the first occasion.
 *
 * The server need not be there at the start: until it is, {@linkcode Storage.writing} fails, and what would be
 * written waits in the staging buffer.
 */
export class Storage implements AsyncDisposable {
  readonly client: StorageClient;
  readonly #options: OpenStorageOptions;
  readonly #closing = new AbortController();
  readonly #burst = new Burst(getLogger(["aperture", "storage"]));
  #nextLook = 0;
  #prepared = false;
  /** The server has answered, and is at work on the tables. */
  #making = false;
  #preparing: Promise<void> | undefined;
  #settled: Promise<void> = Promise.resolve();

  private constructor(options: OpenStorageOptions) {
    this.#options = options;
    this.client = new StorageClient(options);
  }

  /**
   * Makes and migrates the tables; when the server is away, it goes on trying in the background.
   *
   * @throws {MigrationError} when the tables are of another version: trying again is of no use
   */
  static async open(options: OpenStorageOptions): Promise<Storage> {
    const storage = new Storage(options);
    try {
      await storage.#prepare();
    } catch (error) {
      if (!(error instanceof StorageError)) {
        await storage[Symbol.asyncDispose]();
        throw error;
      }
      storage.#burst.warn("away", `${error.message}; trying on, batches stay in the buffer`);
      storage.#settled = storage.#retry();
    }
    return storage;
  }

  /**
   * Runs `write` once the tables are there, with room.
   *
   * @throws {StorageError} when they cannot be made; or what `write` threw: do it again
   */
  async writing<T>(write: () => Promise<T>): Promise<T> {
    await this.#prepare();
    if (performance.now() >= this.#nextLook) await this.#keepWithin();
    try {
      return await write();
    } catch (error) {
      // The disk may be full: what is written again finds room.
      await this.#keepWithin();
      throw error;
    }
  }

  /** Drops what is too much. That it cannot is no reason not to write. */
  async #keepWithin(): Promise<void> {
    const { limit, onDropped, lookMs = 30_000 } = this.#options;
    if (limit === undefined) return;
    this.#nextLook = performance.now() + lookMs;
    try {
      const dropped = await enforceLimit(this.client, limit);
      if (dropped.length > 0) onDropped?.(dropped.length);
    } catch (error) {
      this.#burst.warn("limit", (error as Error).message);
    }
  }

  /** Says why it cannot be used now; `undefined` when it can. */
  async problem(): Promise<string | undefined> {
    try {
      // A database that is not there yet would be the ping's error, not the reason.
      await deadline(this.#prepare().then(() => this.client.ping(this.#closing.signal)), PING_MS);
      return undefined;
    } catch (error) {
      if (error instanceof DOMException) {
        // To make some thirty tables takes a while.
        const what = this.#making ? "is still making the tables" : "does not answer";
        return `ClickHouse at ${this.client.server} ${what}`;
      }
      return (error as Error).message;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#settled;
    await this.client[Symbol.asyncDispose]();
  }

  /** Prepares storage once for all who ask at the same time; a failure is asked for again. */
  #prepare(): Promise<void> {
    if (this.#prepared) return Promise.resolve();
    return this.#preparing ??= this.#bringUp().finally(() => this.#preparing = undefined);
  }

  async #bringUp(): Promise<void> {
    await createDatabase(this.#options);
    this.#making = true;
    try {
      await migrate(this.client);
      await setRetention(this.client, this.#options.retention ?? DEFAULT_RETENTION);
    } finally {
      this.#making = false;
    }
    this.#prepared = true;
  }

  async #retry(): Promise<void> {
    const { signal } = this.#closing;
    while (!this.#prepared && !signal.aborted) {
      await delay(this.#options.retryMs ?? 2000, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#prepare().catch((error) => this.#burst.warn("away", (error as Error).message));
    }
  }
}
