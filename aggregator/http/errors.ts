// SPDX-License-Identifier: Apache-2.0
/**
 * Declares errors that a client is told about.
 *
 * @module
 */

import { StorageError } from "../storage/client.ts";
import { STATUS_CODE, type StatusCode } from "@std/http/status";

const CODES: Readonly<Partial<Record<StatusCode, string>>> = {
  [STATUS_CODE.BadRequest]: "bad_request",
  [STATUS_CODE.Unauthorized]: "unauthorized",
  [STATUS_CODE.Forbidden]: "forbidden",
  [STATUS_CODE.NotFound]: "not_found",
  [STATUS_CODE.MethodNotAllowed]: "method_not_allowed",
  [STATUS_CODE.ContentTooLarge]: "content_too_large",
  [STATUS_CODE.UnsupportedMediaType]: "unsupported_media_type",
  [STATUS_CODE.UnprocessableEntity]: "unprocessable",
  [STATUS_CODE.NotImplemented]: "not_implemented",
  [STATUS_CODE.TooManyRequests]: "overloaded",
  [STATUS_CODE.ServiceUnavailable]: "unavailable",
  [STATUS_CODE.GatewayTimeout]: "timeout",
};

/** Ends a request with `status`; the message is for the client. */
export class HttpError extends Error {
  override name = "HttpError";
  readonly status: StatusCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: StatusCode,
    message: string,
    { headers = {}, ...options }: ErrorOptions & { headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options);
    this.status = status;
    this.headers = headers;
  }

  /** Is the machine's name of the error: `bad_request`. */
  get code(): string {
    return CODES[this.status] ?? "internal";
  }
}

/** These say that storage, and not the query, is at fault: no connection, or the engine's own limits. */
const UNAVAILABLE_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_SOCKET",
  // ClickHouse: TIMEOUT_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, SOCKET_TIMEOUT, NETWORK_ERROR,
  // MEMORY_LIMIT_EXCEEDED, ALL_CONNECTION_TRIES_FAILED.
  "159",
  "202",
  "209",
  "210",
  "241",
  "279",
]);

/** Returns whether `error`, or what caused it, says that storage cannot answer now. */
export function isUnavailable(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if ("code" in at && UNAVAILABLE_CODES.has(String(at.code))) return true;
    if (at instanceof StorageError && at.code === undefined) return true;
    if (at instanceof Deno.errors.ConnectionRefused || at instanceof Deno.errors.ConnectionReset) return true;
  }
  return false;
}
