// SPDX-License-Identifier: Apache-2.0
/**
 * Calls libchdb by FFI: one class for each handle of its C interface. Pointers stay in this file.
 *
 * @module
 */

import { EngineError } from "./error.ts";
import { LOADER, RTLD_NOW_NODELETE, SYMBOLS } from "./ffi.ts";

export type Params = Readonly<Record<string, string>>;

/** Counts what one result, or one block of a stream, took and gave. */
export interface Stats {
  readonly elapsedNs: number;
  /** Counts rows read from tables. */
  readonly readRows: number;
  readonly readBytes: number;
  readonly writtenRows: number;
  readonly writtenBytes: number;
  readonly resultRows: number;
  readonly resultBytes: number;
}

export interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly stats: Stats;
}

const encoder = new TextEncoder();

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Is the engine's library, loaded once in a process and never unloaded. */
export class Library {
  readonly symbols: Symbols;

  /** @throws {Error} when there is no build for this machine or its file cannot be loaded */
  constructor(path = libraryPath()) {
    // Deno unloads libraries as it ends, while threads that ran engine code still have destructors in this one.
    const libc = Deno.dlopen("libc.so.6", LOADER);
    libc.symbols.dlopen(encoder.encode(`${path}\0`), RTLD_NOW_NODELETE);
    libc.close();
    this.symbols = Deno.dlopen(path, SYMBOLS).symbols;
    // SIGTERM and SIGINT are the host's matter.
    this.symbols.chdb_set_signal_handlers_enabled(0);
  }

  /** Ends the engine's threads once all connections are closed; the library cannot be used afterwards. */
  async shutdown(): Promise<void> {
    await this.symbols.chdb_shutdown();
  }
}

/** Is never called: an import that Deno sees makes it fetch the package along with this program. */
export const fetchedWithProgram = (): Promise<unknown> => import("@chdb/lib-linux-x64-gnu");

/**
 * Returns where libchdb.so lies.
 *
 * @throws {Error} when this machine has none
 */
export function libraryPath(): string {
  const { os, arch } = Deno.build;
  const elsewhere = "set APERTURE_CLICKHOUSE_ENDPOINT to a ClickHouse server instead";
  if (os !== "linux" || arch !== "x86_64") {
    throw new Error(`Cannot use the embedded engine as it has no build for ${os} on ${arch}: ${elsewhere}`);
  }
  const path = libraryPathOf("@chdb/lib-linux-x64-gnu", elsewhere);
  try {
    Deno.statSync(path);
  } catch (cause) {
    throw new Error(
      `Cannot find the embedded engine's library: run 'deno install', or ${elsewhere}: ${path}`,
      {
        cause,
      },
    );
  }
  return path;
}

/**
 * Returns the library's path in the package `name`. An image may be built without the package, and its deno.json then
 * does not name it.
 */
function libraryPathOf(name: string, elsewhere: string): string {
  try {
    return new URL("libchdb.so", import.meta.resolve(name)).pathname;
  } catch (cause) {
    throw new Error(`Cannot use the embedded engine as this build leaves it out: ${elsewhere}`, { cause });
  }
}

/** Holds bytes that C code reads while a call runs on another thread: they must not be collected before it ends. */
class Pinned implements Disposable {
  #kept: unknown[] = [];

  keep(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    this.#kept.push(bytes);
    return bytes;
  }

  /** Returns an array of pointers to texts, each with an end mark. */
  texts(
    values: readonly string[],
  ): { pointers: BigUint64Array<ArrayBuffer>; lengths: BigUint64Array<ArrayBuffer> } {
    const pointers = new BigUint64Array(values.length);
    const lengths = new BigUint64Array(values.length);
    for (const [i, value] of values.entries()) {
      const bytes = this.keep(encoder.encode(value + "\0"));
      pointers[i] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
      lengths[i] = BigInt(bytes.length - 1);
    }
    this.#kept.push(pointers, lengths);
    return { pointers, lengths };
  }

  /** Returns the arguments that all *_with_params_n functions share. */
  statement(sql: string, format: string, params: Params) {
    const query = this.keep(encoder.encode(sql));
    const form = this.keep(encoder.encode(format));
    const names = this.texts(Object.keys(params));
    const values = this.texts(Object.values(params));
    return [
      query,
      BigInt(query.length),
      form,
      BigInt(form.length),
      names.pointers,
      names.lengths,
      values.pointers,
      values.lengths,
      BigInt(names.pointers.length),
    ] as const;
  }

  [Symbol.dispose](): void {
    this.#kept = [];
  }
}

/** Is one session of the engine; it runs one statement at a time. */
export class Connection implements AsyncDisposable {
  readonly #c: Symbols;
  #handle: Deno.PointerObject | undefined;

  private constructor(c: Symbols, handle: Deno.PointerObject) {
    this.#c = c;
    this.#handle = handle;
  }

  /**
   * @param args `--path=…`, and `--name=value` for settings; those of the server count only for the first connection
   * @throws {Error} when the engine cannot start; its reason is on standard error
   */
  static async open({ symbols }: Library, args: readonly string[]): Promise<Connection> {
    using pinned = new Pinned();
    const { pointers } = pinned.texts(["chdb", ...args]);
    const handle = await symbols.chdb_connect(pointers.length, pointers);
    if (handle === null) throw new Error("Cannot start the engine: see its own words above");
    return new Connection(symbols, handle);
  }

  get #connection(): Deno.PointerValue {
    if (this.#handle === undefined) throw new Error("Cannot use the connection as it is closed");
    return new Deno.UnsafePointerView(this.#handle).getPointer(0);
  }

  /** Runs one statement and gives its whole result in `format`. */
  async query(sql: string, format: string, params: Params = {}): Promise<Block> {
    using pinned = new Pinned();
    const args = pinned.statement(sql, format, params);
    return take(this.#c, await this.#c.chdb_query_with_params_n(this.#connection, ...args));
  }

  /** Runs a SELECT; each fetch gives the next block, each formatted as a whole document of `format`. */
  async stream(sql: string, format: string, params: Params = {}): Promise<ResultStream> {
    using pinned = new Pinned();
    const args = pinned.statement(sql, format, params);
    const connection = this.#connection;
    const stream = await this.#c.chdb_stream_query_with_params_n(connection, ...args);
    const error = cString(this.#c.chdb_result_error(stream));
    if (error !== undefined) {
      this.#c.chdb_destroy_query_result(stream);
      throw new EngineError(error);
    }
    return new ResultStream(this.#c, connection, stream);
  }

  /** Begins an INSERT whose data follow; `sql` has no FORMAT clause. */
  async insert(sql: string, format: string, params: Params = {}): Promise<InsertStream> {
    using pinned = new Pinned();
    const args = pinned.statement(sql, format, params);
    const stream = await this.#c.chdb_stream_insert_with_params_n(this.#connection, ...args);
    const error = cString(this.#c.chdb_stream_insert_error(stream));
    if (error !== undefined) {
      await this.#c.chdb_destroy_insert_stream(stream);
      throw new EngineError(error);
    }
    return new InsertStream(this.#c, stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#handle = undefined;
    await this.#c.chdb_close_conn(handle);
  }
}

/** Gives the blocks of a SELECT. */
export class ResultStream implements AsyncDisposable {
  readonly #c: Symbols;
  readonly #connection: Deno.PointerValue;
  #handle: Deno.PointerValue;
  #ended = false;

  constructor(c: Symbols, connection: Deno.PointerValue, handle: Deno.PointerValue) {
    this.#c = c;
    this.#connection = connection;
    this.#handle = handle;
  }

  /** Returns the next block; `undefined` at the end. */
  async next(): Promise<Block | undefined> {
    if (this.#ended) return undefined;
    try {
      const block = take(this.#c, await this.#c.chdb_stream_fetch_result(this.#connection, this.#handle));
      this.#ended = block.bytes.length === 0;
      return this.#ended ? undefined : block;
    } catch (error) {
      this.#ended = true;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#handle === null) return;
    if (!this.#ended) await this.#c.chdb_stream_cancel_query(this.#connection, this.#handle);
    this.#c.chdb_destroy_query_result(this.#handle);
    this.#handle = null;
  }
}

/** Takes the data of an INSERT on their way; disposing of it before `finish` gives it up. */
export class InsertStream implements AsyncDisposable {
  readonly #c: Symbols;
  #handle: Deno.PointerValue;

  constructor(c: Symbols, handle: Deno.PointerValue) {
    this.#c = c;
    this.#handle = handle;
  }

  /** Hands data over, waiting while the engine is behind; false once the engine has failed: `finish` says why. */
  async append(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    using pinned = new Pinned();
    return await this.#c.chdb_stream_append(this.#handle, pinned.keep(bytes), BigInt(bytes.length)) === 0;
  }

  /** Commits what was appended. */
  async finish(): Promise<Stats> {
    return take(this.#c, await this.#c.chdb_stream_done(this.#handle)).stats;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#handle === null) return;
    // Cancels first unless it is finished.
    await this.#c.chdb_destroy_insert_stream(this.#handle);
    this.#handle = null;
  }
}

function cString(pointer: Deno.PointerValue): string | undefined {
  return pointer === null ? undefined : Deno.UnsafePointerView.getCString(pointer);
}

/** Copies a result out of the engine's memory and frees it. */
function take(c: Symbols, result: Deno.PointerValue): Block {
  try {
    const error = cString(c.chdb_result_error(result));
    if (error !== undefined) throw new EngineError(error);
    const pointer = c.chdb_result_buffer(result);
    const length = Number(c.chdb_result_length(result));
    const bytes = new Uint8Array(pointer === null ? 0 : length);
    if (pointer !== null && length > 0) Deno.UnsafePointerView.copyInto(pointer, bytes);
    const stats = {
      elapsedNs: Math.round(c.chdb_result_elapsed(result) * 1e9),
      readRows: Number(c.chdb_result_storage_rows_read(result)),
      readBytes: Number(c.chdb_result_storage_bytes_read(result)),
      writtenRows: Number(c.chdb_result_rows_written(result)),
      writtenBytes: Number(c.chdb_result_bytes_written(result)),
      resultRows: Number(c.chdb_result_rows_read(result)),
      resultBytes: Number(c.chdb_result_bytes_read(result)),
    };
    return { bytes, stats };
  } finally {
    c.chdb_destroy_query_result(result);
  }
}
