// SPDX-License-Identifier: Apache-2.0
/**
 * Serves ClickHouse's HTTP interface before the embedded engine.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Stats } from "./connection.ts";
import type { Answer, Engine } from "./engine.ts";
import { CODE, EngineError, httpStatus } from "./error.ts";
import { headerLength, mediaType } from "./format.ts";
import { authenticate, type Credentials, type QueryRequest, readRequest } from "./request.ts";

const logger = getLogger(["aperture", "engine"]);

export interface FrontOptions extends Credentials {
  /** The longest statement has so many bytes; the rows of an INSERT are not counted. @default {16 MiB} */
  maxQueryBytes?: number;
}

/** Answers requests of ClickHouse's HTTP interface from `engine`; for `Deno.serve`. */
export function createFront(
  engine: Engine,
  { maxQueryBytes = 16 * 2 ** 20, ...credentials }: FrontOptions,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url);
    let queryId = url.searchParams.get("query_id") ?? "";
    try {
      const probe = answerProbe(request, url);
      if (probe !== undefined) return probe;
      authenticate(request, url, credentials);
      const query = await readRequest(request, url, { maxQueryBytes });
      queryId = query.queryId;
      return await answerQuery(engine, query, request.signal);
    } catch (error) {
      if (!(error instanceof EngineError) && !request.signal.aborted) {
        logger.warn("Cannot answer a request: {error}", { error });
      }
      return answerError(error, queryId);
    }
  };
}

/** Answers what needs neither a password nor the engine. */
function answerProbe(request: Request, url: URL): Response | undefined {
  const { pathname, searchParams } = url;
  if (request.method !== "GET" && request.method !== "HEAD" && request.method !== "POST") {
    return new Response(`Method ${request.method} is not allowed\n`, {
      status: 405,
      headers: { allow: "GET, HEAD, POST" },
    });
  }
  const ok = pathname === "/ping" || pathname === "/replicas_status" ||
    (pathname === "/" && request.method !== "POST" && !searchParams.has("query"));
  if (ok) return new Response("Ok.\n");
  if (pathname !== "/") {
    return new Response(`There is no handle ${pathname}: queries go to /?query=, and /ping answers\n`, {
      status: 404,
    });
  }
}

async function answerQuery(engine: Engine, query: QueryRequest, signal: AbortSignal): Promise<Response> {
  const { sql, statement, format, params, settings, database } = query;
  const options = { format, params, settings, signal, ...(database !== undefined && { database }) };
  refuse(query);
  if (statement.insert !== undefined) {
    const stats = await engine.insert(sql, query.data, { ...options, format: statement.insert.format });
    return new Response(null, { headers: headersOf(query, stats) });
  }
  const streams = /^(SELECT|WITH)$/.test(statement.verb) && headerLength(format) !== undefined && !query.wait;
  if (!streams) return answerWhole(query, await engine.query(sql, options));
  return await answerStream(query, engine.stream(sql, options));
}

/** Refuses what would run, but not as a server would run it. */
function refuse({ sql, statement }: QueryRequest): void {
  if (statement.verb === "") throw EngineError.of(CODE.SYNTAX_ERROR, "Syntax error: Empty query");
  if (statement.many) {
    throw EngineError.of(CODE.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)");
  }
  if (statement.verb === "INFILE" || statement.verb === "OUTFILE") {
    throw EngineError.of(
      CODE.NOT_IMPLEMENTED,
      `Cannot use ${statement.verb} over HTTP: ${sql.slice(0, 100)}`,
    );
  }
}

function answerWhole(query: QueryRequest, { bytes, stats }: Answer): Response {
  const body = query.gzip ? new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip")) : bytes;
  return new Response(body, { headers: headersOf(query, stats) });
}

/**
 * Answers block by block. Two blocks are computed before the answer begins: what fits in one has its statistics in the
 * header, and what fails at once has its status.
 */
async function answerStream(query: QueryRequest, blocks: AsyncGenerator<Answer, void>): Promise<Response> {
  const first = await blocks.next();
  if (first.done) return answerWhole(query, { bytes: new Uint8Array(), stats: NO_STATS });
  const second = await blocks.next();
  if (second.done) return answerWhole(query, first.value);
  const tag = randomTag();
  const body = blockStream([first.value, second.value], blocks, tag);
  const headers = headersOf(query, first.value.stats);
  headers.set("x-clickhouse-exception-tag", tag);
  return new Response(query.gzip ? body.pipeThrough(new CompressionStream("gzip")) : body, { headers });
}

/**
 * Returns the blocks' bytes; after a failure its text, and then the connection is cut, which a reader of any format
 * sees.
 */
function blockStream(
  ready: Answer[],
  blocks: AsyncGenerator<Answer, void>,
  tag: string,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let failure: unknown;
  return new ReadableStream({
    async pull(controller) {
      if (failure !== undefined) return controller.error(failure);
      try {
        const early = ready.shift();
        const next = early === undefined ? await blocks.next() : { done: false as const, value: early };
        if (next.done) controller.close();
        else controller.enqueue(next.value.bytes);
      } catch (error) {
        failure = error;
        controller.enqueue(new TextEncoder().encode(lateException(error, tag)));
      }
    },
    async cancel() {
      await blocks.return();
    },
  }, { highWaterMark: 0 });
}

const NO_STATS: Stats = {
  elapsedNs: 0,
  readRows: 0,
  readBytes: 0,
  writtenRows: 0,
  writtenBytes: 0,
  resultRows: 0,
  resultBytes: 0,
};

function headersOf({ queryId, format, gzip }: QueryRequest, stats: Stats): Headers {
  const headers = new Headers({
    "content-type": mediaType(format),
    "x-clickhouse-query-id": queryId,
    "x-clickhouse-format": format,
    "x-clickhouse-timezone": "UTC",
    "x-clickhouse-server-display-name": "aperture",
    "x-clickhouse-summary": JSON.stringify({
      read_rows: String(stats.readRows),
      read_bytes: String(stats.readBytes),
      written_rows: String(stats.writtenRows),
      written_bytes: String(stats.writtenBytes),
      total_rows_to_read: "0",
      result_rows: String(stats.resultRows),
      result_bytes: String(stats.resultBytes),
      elapsed_ns: String(stats.elapsedNs),
    }),
    // The answer is compressed where the query asks for it, and only there.
    "cache-control": "no-transform",
  });
  if (gzip) headers.set("content-encoding", "gzip");
  return headers;
}

function answerError(error: unknown, queryId: string): Response {
  const { code, message } = toEngineError(error);
  const headers = new Headers({
    "content-type": "text/plain; charset=UTF-8",
    "x-clickhouse-exception-code": String(code),
    "x-clickhouse-query-id": queryId,
    "cache-control": "no-transform",
  });
  const status = httpStatus(code);
  if (status === 401) headers.set("www-authenticate", 'Basic realm="ClickHouse server HTTP API"');
  return new Response(`${message}\n`, { status, headers });
}

function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new EngineError(`Code: 1001. DB::Exception: ${text}. (STD_EXCEPTION)`, 1001);
}

/**
 * Returns the block that ends an answer when the query fails in the middle of it, as ClickHouse 25.11 and later write
 * it: the length counts the line end behind the message.
 */
function lateException(error: unknown, tag: string): string {
  const message = toEngineError(error).message;
  const length = new TextEncoder().encode(message).length + 1;
  return `\r\n__exception__\r\n${tag}\r\n${message}\n${length} ${tag}\r\n__exception__\r\n`;
}

function randomTag(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => String.fromCharCode(97 + b % 26)).join(
    "",
  );
}
