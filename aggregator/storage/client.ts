/**
 * The one way to ClickHouse, a server's or the embedded engine's: its HTTP interface.
 *
 * @module
 */

import {
  type ClickHouseClient,
  ClickHouseError,
  type ClickHouseSettings,
  createClient,
  drainStream,
} from "@clickhouse/client";
import { Readable } from "node:stream";
import { type Column, encodeBlock } from "./native.ts";

export interface StorageOptions {
  /** Where the HTTP interface is: `http://host:8123`. */
  readonly url: URL | string;
  /** @default {"aperture"} */
  readonly database?: string;
  /** The cluster that is to have the tables on each of its servers; without it, the one server. */
  readonly cluster?: string | undefined;
  /** @default {"default"} */
  readonly username?: string;
  /** @default {""} */
  readonly password?: string;
  /** How long a request may take, in ms. @default {30000} */
  readonly timeout?: number;
}

export interface QueryOptions {
  /** What stands for `{name:Type}` in the statement. */
  readonly params?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal | undefined;
}

export interface InsertOptions {
  /** An insert with a token that the table knows is a repetition, and writes nothing. */
  readonly token?: string;
}

/** ClickHouse could not be asked, or refused; the message says which server and what it was asked for. */
export class StorageError extends Error {
  override name = "StorageError";
  /** ClickHouse's number of the error; `undefined` when there was no answer. */
  readonly code: number | undefined;

  constructor(message: string, { code, cause }: { code: number | undefined; cause: unknown }) {
    super(message, { cause });
    this.code = code;
  }
}

// JavaScript's numbers hold 53 bits: what may have more comes as text, and the reader decides.
const SETTINGS: ClickHouseSettings = { output_format_json_quote_64bit_integers: 1 };

// A replica that is away takes its tables from the others when it is back.
const CLUSTER_SETTINGS: ClickHouseSettings = {
  distributed_ddl_output_mode: "null_status_on_timeout",
  distributed_ddl_task_timeout: "20",
};

const INSERT_SETTINGS: ClickHouseSettings = {
  // An insert is acknowledged once it is in the table, and its token is looked at then.
  async_insert: 0,
  // Blocks are numbered for deduplication in the order in which one thread makes them.
  max_insert_threads: "1",
  // Batches that were spooled for long, or a clock that was set, may touch many days: no reason to refuse them.
  max_partitions_per_insert_block: "0",
};

/** A connection pool to one database of one server. Opens nothing before the first request. */
export class StorageClient implements AsyncDisposable {
  readonly database: string;
  readonly cluster: string | undefined;
  /** The server's address, without credentials: for messages. */
  readonly server: string;
  readonly #client: ClickHouseClient;

  constructor(options: StorageOptions) {
    const { database = "aperture", username = "default", password = "", timeout = 30_000 } = options;
    const url = new URL(options.url);
    this.database = database;
    this.cluster = options.cluster;
    this.server = url.origin;
    this.#client = createClient({
      url: url.origin,
      pathname: url.pathname,
      database,
      username,
      password,
      application: "aperture",
      request_timeout: timeout,
      // The server gives up when nobody waits any more.
      clickhouse_settings: {
        ...SETTINGS,
        ...(options.cluster && CLUSTER_SETTINGS),
        max_execution_time: Math.ceil(timeout / 1000),
      },
      keep_alive: { enabled: true, eagerly_destroy_stale_sockets: true },
      // Lists of hashes are longer than a URL may be.
      use_multipart_params_auto: true,
      // Errors are thrown; the client need not print them, too.
      log: { level: 127 },
    });
  }

  /** Whether the server answers and takes the credentials. @throws {StorageError} */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.rows("SELECT 1", { signal });
  }

  /**
   * The rows of a SELECT, read as they arrive. 64-bit integers come as text.
   *
   * @throws {StorageError}
   */
  async rows<T>(sql: string, { params = {}, signal }: QueryOptions = {}): Promise<T[]> {
    return await this.#try("query", signal, async () => {
      const result = await this.#client.query({
        query: sql,
        format: "JSONEachRow",
        query_params: { ...params },
        ...(signal && { abort_signal: signal }),
        clickhouse_settings: { cancel_http_readonly_queries_on_client_close: 1 },
      });
      const rows: T[] = [];
      for await (const chunk of result.stream<T>()) {
        for (const row of chunk) rows.push(row.json());
      }
      return rows;
    });
  }

  /** Runs a statement that answers nothing. @throws {StorageError} */
  async command(sql: string, { params = {}, signal }: QueryOptions = {}): Promise<void> {
    await this.#try("run a statement on", signal, async () => {
      await this.#client.command({
        query: sql,
        query_params: { ...params },
        ...(signal && { abort_signal: signal }),
      });
    });
  }

  /** Inserts one block; no rows are no request. @throws {StorageError} */
  async insert(table: string, columns: readonly Column[], { token }: InsertOptions = {}): Promise<void> {
    if (!columns[0]?.rows) return;
    await this.#try(`insert into '${table}' of`, undefined, async () => {
      const names = columns.map(({ name }) => `\`${name}\``).join(", ");
      const { stream } = await this.#client.exec({
        query: `INSERT INTO ${table} (${names}) FORMAT Native`,
        values: Readable.from([encodeBlock(columns)], { objectMode: false }),
        clickhouse_settings: { ...INSERT_SETTINGS, ...(token && { insert_deduplication_token: token }) },
      });
      await drainStream(stream);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }

  async #try<T>(what: string, signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#explain(what, error);
    }
  }

  #explain(what: string, error: unknown): StorageError {
    const cannot = `Cannot ${what} database '${this.database}' of ClickHouse at ${this.server}`;
    if (error instanceof ClickHouseError) {
      const name = error.type ? ` ${error.type}` : "";
      const why = error.message.replace(/\.?\s*$/, "").slice(0, 500);
      return new StorageError(`${cannot}: error ${error.code}${name}: ${why}`, {
        code: Number(error.code),
        cause: error,
      });
    }
    const { code, message } = error as Error & { code?: string };
    const why = message || code || String(error);
    return new StorageError(`${cannot}: no answer: ${why}`, { code: undefined, cause: error });
  }
}
