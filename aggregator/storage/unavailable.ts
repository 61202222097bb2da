// SPDX-License-Identifier: Apache-2.0
/**
 * Tells that storage is away from all else that may go wrong with a question.
 *
 * @module
 */

import { StorageError } from "./client.ts";

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
