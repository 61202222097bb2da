// SPDX-License-Identifier: Apache-2.0
/**
 * Is storage as the flusher writes to it: a refusal is told from an outage.
 *
 * @module
 */

import { type GroupToWrite, RefusedError, type Sink } from "./buffer/flusher.ts";
import { StorageError } from "./storage/client.ts";
import { isUnavailable } from "./storage/unavailable.ts";
import type { Storage } from "./storage/storage.ts";
import { WriteError } from "./storage/writer.ts";

/** Is ClickHouse's MEMORY_LIMIT_EXCEEDED. */
const MEMORY_LIMIT = 241;

/** Returns whether starting the engine again may cure what a write failed with. */
export function isCurable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof StorageError) return at.code === MEMORY_LIMIT || at.code === undefined;
  }
  return false;
}

/**
 * Writes to storage, and says of a failure whether it is the group's: ClickHouse answered, and not that it has no time or
 * no connection. A lack of memory may be the group's, or not.
 */
export class StorageSink implements Sink {
  readonly #storage: Pick<Storage, "write">;

  constructor(storage: Pick<Storage, "write">) {
    this.#storage = storage;
  }

  async write(group: GroupToWrite): Promise<{ rows: number }> {
    try {
      return await this.#storage.write(group);
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      const { cause, written, message } = error;
      const refusal = (content: boolean) => new RefusedError(message, { content, written, cause });
      // What fails before it is sent fails for what is in the group.
      if (!(cause instanceof StorageError)) throw refusal(true);
      if (cause.code === MEMORY_LIMIT) throw refusal(false);
      if (CONTENT_CODES.has(cause.code ?? 0) && !isUnavailable(cause)) throw refusal(true);
      throw error;
    }
  }
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
