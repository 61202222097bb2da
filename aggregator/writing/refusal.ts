// SPDX-License-Identifier: Apache-2.0
/**
 * Tells a group that storage refuses from storage that is away.
 *
 * @module
 */

import { RefusedError } from "../buffer/sink.ts";
import { StorageError, storageErrorOf } from "../storage/client.ts";
import { isUnavailable } from "../storage/unavailable.ts";
import { WriteError } from "../storage/writer.ts";

/** Is ClickHouse's MEMORY_LIMIT_EXCEEDED. */
const MEMORY_LIMIT = 241;

/** Returns whether starting the engine again may cure what a write failed with. */
export function isCurable(error: unknown): boolean {
  const failed = storageErrorOf(error);
  return failed !== undefined && (failed.code === MEMORY_LIMIT || failed.code === undefined);
}

/**
 * Returns what a failed write is to its group: a refusal where ClickHouse answered, and not that it has no time or no
 * connection; else the error itself. A lack of memory may be the group's, or not.
 */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof WriteError)) return error;
  const { cause, written, message } = error;
  const refusal = (content: boolean) => new RefusedError(message, { content, written, cause });
  // What fails before it is sent fails for what is in the group.
  if (!(cause instanceof StorageError)) return refusal(true);
  if (cause.code === MEMORY_LIMIT) return refusal(false);
  return CONTENT_CODES.has(cause.code ?? 0) && !isUnavailable(cause) ? refusal(true) : error;
}

/**
 * These are what ClickHouse says of data that it cannot take: ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA,
 * CANNOT_PARSE_TEXT and its like, INCORRECT_DATA, TOO_LARGE_STRING_SIZE, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND,
 * UNKNOWN_ELEMENT_OF_ENUM, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, TOO_LARGE_ARRAY_SIZE, CANNOT_CONVERT_TYPE. A table that
 * is missing or has too many parts is no batch's fault.
 */
const CONTENT_CODES: ReadonlySet<number> = new Set([
  6,
  26,
  27,
  32,
  33,
  41,
  53,
  69,
  70,
  72,
  117,
  128,
  131,
  321,
  691,
]);
