// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what one HTTP request asks of the engine, as ClickHouse's server reads it.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import { CODE, EngineError } from "./error.ts";
import { readStatement, type Statement } from "./statement.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface QueryRequest {
  readonly sql: string;
  readonly statement: Statement;
  /** Follows the statement: an INSERT's rows. */
  readonly data: AsyncIterable<Uint8Array<ArrayBuffer>>;
  readonly format: string;
  readonly params: Record<string, string>;
  readonly settings: Record<string, string>;
  readonly database: string | undefined;
  readonly queryId: string;
  readonly gzip: boolean;
  /** The whole result is computed before the answer begins. */
  readonly wait: boolean;
}

/** Lists parameters of the interface itself; what is none of these is a setting. */
const OWN = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "user",
  "password",
  "wait_end_of_query",
  "buffer_size",
  "http_response_buffer_size",
  "enable_http_compression",
  "http_zlib_compression_level",
  "quota_key",
  "client_protocol_version",
  "stacktrace",
]);

/** These change what a request means; silence would give wrong answers. */
const REFUSED = ["session_id", "role", "compress", "decompress"];

/** This much of a request is read to find where a statement ends and its data begin. */
const HEAD_BYTES = 256 * 1024;

/**
 * Checks who asks, in constant time: HTTP Basic, ClickHouse's own headers, or `user` and `password` in the URL.
 *
 * @throws {EngineError} 516 when user or password is wrong, 194 when the password is missing
 */
export function authenticate(request: Request, url: URL, expected: Credentials): void {
  const { username, password } = readCredentials(request, url);
  // Both are compared, whichever is wrong.
  const known = sameText(username, expected.username);
  if (sameText(password, expected.password) && known) return;
  if (password === "") {
    throw EngineError.of(
      CODE.REQUIRED_PASSWORD,
      `${username}: Authentication failed: a password is required`,
    );
  }
  throw EngineError.of(
    CODE.AUTHENTICATION_FAILED,
    `${username}: Authentication failed: password is incorrect, or there is no user with such name`,
  );
}

function readCredentials(request: Request, url: URL): Credentials {
  const basic = /^Basic\s+(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (basic !== undefined) {
    const pair = Uint8Array.from(atobOrEmpty(basic), (c) => c.charCodeAt(0));
    const [, username = "", password = ""] = /^([^:]*):?([^]*)$/.exec(new TextDecoder().decode(pair)) ?? [];
    return { username: username || "default", password };
  }
  return {
    username: request.headers.get("x-clickhouse-user") ?? url.searchParams.get("user") ?? "default",
    password: request.headers.get("x-clickhouse-key") ?? url.searchParams.get("password") ?? "",
  };
}

function atobOrEmpty(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}

function sameText(a: string, b: string): boolean {
  const encoder = new TextEncoder();
  const [x, y] = [encoder.encode(a), encoder.encode(b)];
  // Of equal length, that the comparison does not depend on where they differ.
  const padded = new Uint8Array(y.length);
  padded.set(x.subarray(0, y.length));
  return timingSafeEqual(padded, y) && x.length === y.length;
}

/**
 * Reads a request's parameters, and its body as far as the statement goes.
 *
 * @throws {EngineError} for what cannot be answered
 */
export async function readRequest(
  request: Request,
  url: URL,
  { maxQueryBytes }: { maxQueryBytes: number },
): Promise<QueryRequest> {
  const given = new URLSearchParams(url.searchParams);
  let body = decompress(request);
  if (/^multipart\/form-data/i.test(request.headers.get("content-type") ?? "")) {
    for (const [name, value] of await request.formData()) {
      if (typeof value === "string") given.set(name, value);
    }
    body = none();
  }
  for (const name of REFUSED) {
    if (!/^(0|)$/.test(given.get(name) ?? "")) {
      throw EngineError.of(CODE.NOT_IMPLEMENTED, `The embedded engine does not take the parameter '${name}'`);
    }
  }
  const { sql, statement, data } = await readSql(given.get("query") ?? "", body, maxQueryBytes);
  const { params, settings } = sortParameters(given);
  // As the server: what changes data is not to be asked by GET.
  if (request.method === "GET") settings["readonly"] ??= "2";
  return {
    sql,
    statement,
    data,
    params,
    settings,
    format: statement.format ?? given.get("default_format") ?? request.headers.get("x-clickhouse-format") ??
      "TabSeparated",
    database: given.get("database") ?? request.headers.get("x-clickhouse-database") ?? undefined,
    queryId: given.get("query_id") || crypto.randomUUID(),
    gzip: given.get("enable_http_compression") === "1" &&
      /\bgzip\b/.test(request.headers.get("accept-encoding") ?? ""),
    wait: given.get("wait_end_of_query") === "1",
  };
}

function sortParameters(given: URLSearchParams) {
  const params: Record<string, string> = {};
  const settings: Record<string, string> = {};
  for (const [name, value] of given) {
    if (name.startsWith("param_")) params[name.slice("param_".length)] = value;
    else if (!OWN.has(name) && !REFUSED.includes(name)) settings[name] = value;
  }
  return { params, settings };
}

function decompress(request: Request): AsyncIterable<Uint8Array<ArrayBuffer>> {
  if (request.body === null) return none();
  const encoding = (request.headers.get("content-encoding") ?? "identity").toLowerCase();
  if (encoding === "identity" || encoding === "") return request.body;
  if (encoding !== "gzip" && encoding !== "deflate") {
    throw EngineError.of(CODE.NOT_IMPLEMENTED, `Unknown compression method of the request: ${encoding}`);
  }
  return inflate(request.body, encoding);
}

async function* inflate(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  encoding: "gzip" | "deflate",
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    yield* body.pipeThrough(new DecompressionStream(encoding));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw EngineError.of(CODE.ZLIB_INFLATE_FAILED, `Cannot decompress the request: ${why}`);
  }
}

async function* none(): AsyncGenerator<Uint8Array<ArrayBuffer>> {}

/** Reads the statement: it is the URL's `query` and then the body; an INSERT's data begin in either. */
async function readSql(
  query: string,
  body: AsyncIterable<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
): Promise<{ sql: string; statement: Statement; data: AsyncIterable<Uint8Array<ArrayBuffer>> }> {
  const chunks = body[Symbol.asyncIterator]();
  let head = new TextEncoder().encode(query), size = HEAD_BYTES, statement = outline(head);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  // Data that follow the URL's statement are not part of the text.
  while (statement.insert === undefined) {
    const ended = await readUpTo(chunks, parts, Math.min(size, maxBytes + 1));
    head = concat([new TextEncoder().encode(query && parts.length > 0 ? `${query}\n` : query), ...parts]);
    statement = outline(head);
    if (ended) break;
    if (head.length > maxBytes && statement.insert === undefined) {
      throw EngineError.of(CODE.QUERY_IS_TOO_LARGE, `The query is larger than ${maxBytes} bytes`);
    }
    size *= 4;
  }
  const { insert } = statement;
  if (insert === undefined) return { sql: new TextDecoder().decode(head), statement, data: none() };
  return {
    sql: new TextDecoder().decode(head.subarray(0, insert.headEnd)),
    statement,
    data: join(head.subarray(insert.dataAt), chunks),
  };
}

function outline(head: Uint8Array): Statement {
  return readStatement(new TextDecoder("latin1").decode(head));
}

/** Adds chunks to `parts` until they have `size` bytes; true at the end of the body. */
async function readUpTo(
  chunks: AsyncIterator<Uint8Array<ArrayBuffer>>,
  parts: Uint8Array<ArrayBuffer>[],
  size: number,
): Promise<boolean> {
  let length = parts.reduce((sum, part) => sum + part.length, 0);
  while (length < size) {
    const { done, value } = await chunks.next();
    if (done) return true;
    parts.push(value);
    length += value.length;
  }
  return false;
}

async function* join(
  first: Uint8Array<ArrayBuffer>,
  rest: AsyncIterator<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (first.length > 0) yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    if (next.value.length > 0) yield next.value;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
