// SPDX-License-Identifier: Apache-2.0
/**
 * Runs ClickHouse's engine on a data directory of its own.
 *
 * Each query runs on a connection that is opened for it (0.5 ms) and closed behind it: its settings and its
 * database cannot leak into another, queries run in parallel, and the engine frees what it kept for the
 * connection.
 *
 * @module
 */

import { writeConfig } from "./config.ts";
import { Connection, Library, type Params, type Stats } from "./connection.ts";
import { claimDirectory } from "./directory.ts";
import { CODE, EngineError } from "./error.ts";
import { headerLength } from "./format.ts";

export interface EngineOptions {
  /**
   * The engine may allocate this much in all, in bytes; a query that would pass it fails with code 241.
   *
   * @default {1 GiB}
   */
  memoryBytes?: number;
  /** This many queries run at once; others wait. @default {16} */
  concurrency?: number;
  /** This many may wait; one more fails with code 202. @default {1000} */
  queue?: number;
}

export interface QueryOptions {
  /** Is the format of a query that names none. @default {"TabSeparated"} */
  format?: string;
  /** Holds values of `{name:Type}`, as ClickHouse's HTTP interface takes them in `param_name`. @default {{}} */
  params?: Params;
  settings?: Readonly<Record<string, string>>;
  database?: string;
  /** Stops the query. */
  signal?: AbortSignal;
}

export interface Answer {
  readonly stats: Stats;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** No more than this is asked of the thread pool for FFI calls, which has 32 threads, so a KILL always finds one. */
const DEFAULT_CONCURRENCY = 16;

/**
 * Sets what differs from the engine's own defaults: one that reads like a server's SQL (no implicit SELECT), and
 * 64-bit integers in JSON as text, for a JSON number cannot hold them.
 */
const SESSION = [
  "--implicit_select=0",
  "--allow_introspection_functions=0",
  "--output_format_json_quote_64bit_integers=1",
];

/**
 * A block that is streamed has so many rows: with the engine's own 65,409 the blocks on their way take 250 MiB, with
 * these 130 MiB, at the same speed.
 */
const STREAMED_ROWS = "16384";

/**
 * Returns the nice value of a query's threads: 5 as the engine's own, and 5 more for each step of ClickHouse's `priority`
 * below the first, by which questions go behind inserts. That alone lets a question go on while an insert waits for this
 * machine's processors. The engine sets it where the process has CAP_SYS_NICE, as it gives its threads back as they were.
 */
function niceOf({ priority }: Readonly<Record<string, string>>): string {
  return String(Math.min(Math.max(Number(priority) || 1, 1) * 5, 19));
}

/** Is the engine of a data directory. */
export class Engine implements AsyncDisposable {
  readonly #library: Library;
  readonly #args: readonly string[];
  readonly #directory: Disposable;
  /** Keeps the engine up between queries, and ends queries that nobody waits for. */
  readonly #control: Connection;
  readonly #slots: Slots;
  #lastTag = 0;
  #closed = false;

  private constructor(parts: {
    library: Library;
    args: readonly string[];
    directory: Disposable;
    control: Connection;
    slots: Slots;
  }) {
    this.#library = parts.library;
    this.#args = parts.args;
    this.#directory = parts.directory;
    this.#control = parts.control;
    this.#slots = parts.slots;
  }

  /**
   * Starts the engine on the data in `path`, which is created where it is missing.
   *
   * @throws {Error} when the directory is not writable or in use, or this machine has no build of the engine
   */
  static async open(path: string, options: EngineOptions = {}): Promise<Engine> {
    const { memoryBytes = 2 ** 30, concurrency = DEFAULT_CONCURRENCY, queue = 1000 } = options;
    using stack = new DisposableStack();
    const directory = stack.use(claimDirectory(path));
    const library = new Library();
    const config = writeConfig(directory.path, { memoryBytes });
    const args = [`--path=${directory.path}/clickhouse`, `--config-file=${config}`, ...SESSION];
    const control = await Connection.open(library, args);
    stack.move();
    return new Engine({ library, args, directory, control, slots: new Slots(concurrency, queue) });
  }

  /** Counts the queries that run. */
  get running(): number {
    return this.#slots.taken;
  }

  /** Runs a statement and gives its whole result. */
  async query(sql: string, options: QueryOptions = {}): Promise<Answer> {
    await using session = await this.#session(options);
    return await session.guard(() =>
      session.connection.query(sql, options.format ?? "TabSeparated", options.params)
    );
  }

  /**
   * Runs a SELECT and gives its result block by block, `format` being one that allows it: see `headerLength`.
   * The engine computes a block when it is asked for; leaving the iteration ends the query.
   */
  async *stream(sql: string, options: QueryOptions & { format: string }): AsyncGenerator<Answer, void> {
    const header = headerLength(options.format);
    if (header === undefined) throw new TypeError(`Cannot stream format ${options.format}`);
    await using session = await this.#session({
      ...options,
      settings: { max_block_size: STREAMED_ROWS, ...options.settings },
    });
    await using stream = await session.guard(() =>
      session.connection.stream(sql, options.format, options.params)
    );
    for (let first = true;; first = false) {
      const block = await session.guard(() => stream.next());
      if (block === undefined) return;
      yield first ? block : { ...block, bytes: block.bytes.subarray(header(block.bytes)) };
    }
  }

  /**
   * Inserts `data`, which are in the format `options.format`.
   *
   * @param sql the INSERT up to its FORMAT or VALUES
   * @param data when it throws, nothing more is inserted
   */
  async insert(
    sql: string,
    data: AsyncIterable<Uint8Array<ArrayBuffer>>,
    options: QueryOptions & { format: string },
  ): Promise<Stats> {
    await using session = await this.#session(options);
    await using stream = await session.guard(() =>
      session.connection.insert(sql, options.format, options.params)
    );
    for await (const chunk of data) {
      options.signal?.throwIfAborted();
      if (!await stream.append(chunk)) break;
    }
    options.signal?.throwIfAborted();
    return await session.guard(() => stream.finish());
  }

  /**
   * Returns a connection in a slot, with the options' settings and database, on which an aborted signal ends what runs.
   */
  async #session({ settings = {}, database, signal }: QueryOptions): Promise<Session> {
    await using stack = new AsyncDisposableStack();
    stack.use(await this.#slots.take(signal));
    const connection = stack.use(await Connection.open(this.#library, this.#args));
    const tag = `${settings["log_comment"] ?? ""} #${++this.#lastTag}`.trim();
    const prologue = setStatement({ ...settings, log_comment: tag, os_thread_priority: niceOf(settings) });
    const use = database === undefined ? "" : `USE ${quoteIdentifier(database)};`;
    await connection.query(use + prologue, "Null");
    return new Session({ connection, signal, kill: () => this.#kill(tag), release: stack.move() });
  }

  async #kill(tag: string): Promise<void> {
    await this.#control.query("KILL QUERY WHERE Settings['log_comment'] = {tag:String} ASYNC", "Null", {
      tag,
    });
  }

  /** Waits for the running queries, then closes, so that all is on disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#slots.close();
    await this.#control[Symbol.asyncDispose]();
    await this.#library.shutdown();
    this.#directory[Symbol.dispose]();
  }
}

/** Is a query's own connection. */
class Session implements AsyncDisposable {
  readonly connection: Connection;
  readonly #kill: () => Promise<void>;
  readonly #signal: AbortSignal | undefined;
  readonly #release: AsyncDisposable;

  constructor({ connection, kill, signal, release }: {
    connection: Connection;
    kill: () => Promise<void>;
    signal: AbortSignal | undefined;
    release: AsyncDisposable;
  }) {
    this.connection = connection;
    this.#kill = kill;
    this.#signal = signal;
    this.#release = release;
  }

  /** Runs `call`; an abort meanwhile ends the query, and the call then throws the engine's own error for that. */
  async guard<T>(call: () => Promise<T>): Promise<T> {
    const signal = this.#signal;
    if (signal === undefined) return await call();
    signal.throwIfAborted();
    const kill = () => void this.#kill().catch(() => {});
    signal.addEventListener("abort", kill, { once: true });
    try {
      return await call();
    } finally {
      signal.removeEventListener("abort", kill);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release[Symbol.asyncDispose]();
  }
}

/** Holds room for a number of queries, given in the order of asking. */
class Slots {
  readonly #most: number;
  readonly #queue: number;
  readonly #waiting = new Set<() => void>();
  #closed: (() => void) | undefined;
  taken = 0;

  constructor(most: number, queue: number) {
    this.#most = most;
    this.#queue = queue;
  }

  async take(signal: AbortSignal | undefined): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#closed) throw EngineError.of(CODE.ABORTED, "The engine is shutting down");
    if (this.taken < this.#most) this.taken++;
    else {
      if (this.#waiting.size >= this.#queue) {
        throw EngineError.of(
          CODE.TOO_MANY_SIMULTANEOUS_QUERIES,
          `Too many simultaneous queries: ${this.#most} run and ${this.#queue} wait`,
        );
      }
      await this.#turn(signal);
    }
    return { [Symbol.dispose]: () => this.#give() };
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.delete(turn);
        reject(signal?.reason);
      };
      this.#waiting.add(turn);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  #give(): void {
    const [next] = this.#waiting;
    if (next !== undefined) {
      // The slot goes to who waits longest.
      this.#waiting.delete(next);
      next();
      return;
    }
    if (--this.taken === 0) this.#closed?.();
  }

  /** Refuses new queries and waits for those that run or wait. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = resolve;
    if (this.taken === 0) resolve();
    await promise;
  }
}

function setStatement(settings: Readonly<Record<string, string>>): string {
  const changes = Object.entries(settings).map(([name, value]) => {
    if (!/^\w+$/.test(name)) throw EngineError.of(CODE.UNKNOWN_SETTING, `Unknown setting '${name}'`);
    return `${name} = ${quoteText(value)}`;
  });
  return `SET ${changes.join(", ")}`;
}

function quoteText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function quoteIdentifier(name: string): string {
  return "`" + name.replaceAll("\\", "\\\\").replaceAll("`", "\\`") + "`";
}
