// SPDX-License-Identifier: Apache-2.0
/**
 * Is the one way to ClickHouse, a server's or the embedded engine's: its HTTP interface.
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
  /** Says where the HTTP interface is: `http://host:8123`. */
  readonly url: URL | string;
  /** @default {"aperture"} */
  readonly database?: string;
  /** Names the cluster that is to have the tables; without it, the one server. */
  readonly cluster?: string | undefined;
  /** @default {"default"} */
  readonly username?: string;
  /** @default {""} */
  readonly password?: string;
  /** A request may take so long, in ms. @default {30000} */
  readonly timeout?: number;
}

export interface QueryOptions {
  /** Holds what stands for `{name:Type}` in the statement. */
  readonly params?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal | undefined;
  /** Holds ClickHouse's own settings of this query: its bounds, and who asked. */
  readonly settings?: ClickHouseSettings;
}

export interface InsertOptions {
  /** An insert with a token that the table knows is a repetition, and writes nothing. */
  readonly token?: string;
  /** Holds ClickHouse's own settings of this insert. */
  readonly settings?: ClickHouseSettings;
}

/** Holds what a SELECT answers, column by column, and what it took. */
export interface Selected {
  /** 64-bit integers are text. */
  readonly columns: Readonly<Record<string, readonly unknown[]>>;
  /** Counts the rows of the answer. */
  readonly rows: number;
  /** Counts the rows that there were before a LIMIT: all of them with `exact_rows_before_limit`, else at least those read. */
  readonly rowsBeforeLimit: number;
  readonly statistics: QueryStatistics;
}

/** Says what a query took, as ClickHouse counts. */
export interface QueryStatistics {
  readonly elapsedMs: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** ClickHouse could not be asked, or refused; the message says which server and what it was asked for. */
export class StorageError extends Error {
  override name = "StorageError";
  /** Is ClickHouse's number of the error; `undefined` when there was no answer. */
  readonly code: number | undefined;

  constructor(message: string, { code, cause }: { code: number | undefined; cause: unknown }) {
    super(message, { cause });
    this.code = code;
  }
}

/** Returns the first that is storage's own of `error` and what caused it. */
export function storageErrorOf(error: unknown): StorageError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof StorageError) return at;
  return undefined;
}

// JavaScript's numbers hold 53 bits: what may have more comes as text, and the reader decides.
const SETTINGS: ClickHouseSettings = { output_format_json_quote_64bit_integers: 1 };

// A replica that is away takes its tables from the others when it is back. A subquery within a query of all shards is
// made once, where the question came in.
const CLUSTER_SETTINGS: ClickHouseSettings = {
  distributed_ddl_output_mode: "null_status_on_timeout",
  distributed_ddl_task_timeout: "20",
  distributed_product_mode: "global",
  distributed_foreground_insert: 1,
};

const SELECT_SETTINGS: ClickHouseSettings = {
  cancel_http_readonly_queries_on_client_close: 1,
  // An error after the first rows would be part of the answer.
  wait_end_of_query: 1,
};

const INSERT_SETTINGS: ClickHouseSettings = {
  // Questions have a lower one, and wait: what agents push must not pile up while somebody looks.
  priority: "1",
  // An insert is acknowledged once it is in the table, and its token is looked at then.
  async_insert: 0,
  // Blocks are numbered for deduplication in the order in which one thread makes them.
  max_insert_threads: "1",
  // Batches that were spooled for long, or a clock that was set, may touch many days: no reason to refuse them.
  max_partitions_per_insert_block: "0",
  // What views make of an insert that is repeated, or was cut off before they were done, is known by its token, too.
  deduplicate_blocks_in_dependent_materialized_views: 1,
};

/** Is a connection pool to one database of one server. Opens nothing before the first request. */
export class StorageClient implements AsyncDisposable {
  readonly database: string;
  readonly cluster: string | undefined;
  /** The cluster has several shards, each with a part of the data: set once that is known. */
  sharded = false;
  /** Is the server's address, without credentials: for messages. */
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

  /** Returns the name of the table that holds this server's rows of `table`. */
  localTable(table: string): string {
    return this.sharded ? `${table}_local` : table;
  }

  /** Asks whether the server answers and takes the credentials. @throws {StorageError} */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.rows("SELECT 1", { signal });
  }

  /**
   * Answers a SELECT row by row. 64-bit integers come as text.
   *
   * @throws {StorageError}
   */
  async rows<T>(sql: string, options: QueryOptions = {}): Promise<T[]> {
    return rowsOf<T>(await this.select(sql, options));
  }

  /**
   * Answers a SELECT column by column, with what it took.
   *
   * @throws {StorageError}
   */
  async select(sql: string, { params = {}, signal, settings }: QueryOptions = {}): Promise<Selected> {
    return await this.#try("query", signal, async () => {
      const result = await this.#client.query({
        query: sql,
        format: "JSONColumnsWithMetadata",
        query_params: { ...params },
        ...(signal && { abort_signal: signal }),
        clickhouse_settings: { ...SELECT_SETTINGS, ...settings },
      });
      const { data, rows, statistics, ...answer } = await result.json() as unknown as ColumnsAnswer;
      return {
        columns: data,
        rows,
        rowsBeforeLimit: Number(answer.rows_before_limit_at_least ?? rows),
        statistics: {
          elapsedMs: statistics.elapsed * 1000,
          rowsRead: Number(statistics.rows_read),
          bytesRead: Number(statistics.bytes_read),
        },
      };
    });
  }

  /** Runs a statement that answers nothing. @throws {StorageError} */
  async command(sql: string, { params = {}, signal, settings = {} }: QueryOptions = {}): Promise<void> {
    await this.#try("run a statement on", signal, async () => {
      await this.#client.command({
        query: sql,
        query_params: { ...params },
        ...(signal && { abort_signal: signal }),
        clickhouse_settings: settings,
      });
    });
  }

  /** Inserts one block; no rows are no request. @throws {StorageError} */
  async insert(table: string, columns: readonly Column[], options: InsertOptions = {}): Promise<void> {
    if (!columns[0]?.rows) return;
    await this.insertBlock(table, columns.map(({ name }) => name), encodeBlock(columns), options);
  }

  /** Inserts a block that `encodeBlock()` made of columns of those names. @throws {StorageError} */
  async insertBlock(
    table: string,
    columns: readonly string[],
    block: Uint8Array,
    { token, settings = {} }: InsertOptions = {},
  ): Promise<void> {
    await this.#try(`insert into '${table}' of`, undefined, async () => {
      const names = columns.map((name) => `\`${name}\``).join(", ");
      const { stream } = await this.#client.exec({
        query: `INSERT INTO ${table} (${names}) FORMAT Native`,
        values: Readable.from([block], { objectMode: false }),
        clickhouse_settings: {
          ...INSERT_SETTINGS,
          ...settings,
          ...(token && { insert_deduplication_token: token }),
        },
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

/** Is the format JSONColumnsWithMetadata, as far as it is read. */
interface ColumnsAnswer {
  readonly data: Readonly<Record<string, readonly unknown[]>>;
  readonly rows: number;
  /** Is there where a statement has a LIMIT. */
  readonly rows_before_limit_at_least?: number | string;
  readonly statistics: {
    readonly elapsed: number;
    readonly rows_read: number | string;
    readonly bytes_read: number | string;
  };
}

/** Turns columns to rows; `T` is what the query says. */
export function rowsOf<T>({ columns, rows }: Selected): T[] {
  const names = Object.keys(columns);
  return Array.from({ length: rows }, (_, i) => {
    return Object.fromEntries(names.map((name) => [name, columns[name]![i]])) as T;
  });
}
