// SPDX-License-Identifier: Apache-2.0
/**
 * Is one question to storage: its statements, what bounds them, and what they took.
 *
 * @module
 */

import type { ClickHouseSettings } from "@clickhouse/client";
import { rowsOf, type Selected, type StorageClient, StorageError } from "../storage/client.ts";
import type { CoverOptions } from "./time_cover.ts";
import { type QueryCost, QuestionError } from "./asked.ts";

/** Says what a statement may take; ClickHouse ends it beyond. */
export interface QueryLimits {
  /** The time is in ms. @default {30000} */
  readonly timeoutMs?: number;
  /** The memory is in bytes. @default {1 GiB} */
  readonly memoryBytes?: number;
  /** @default {5e9} */
  readonly rowsRead?: number;
}

export interface QuestionOptions {
  /** Says what is asked, as `system.query_log` has it in `log_comment`. */
  readonly name: string;
  /** Says how far back the finer tables reach. */
  readonly oldest: NonNullable<CoverOptions["oldest"]>;
  readonly limits?: QueryLimits;
  /** So many threads work on it. @default {as the server is set} */
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Asks statement after statement, and sums what they take. */
export class Question {
  readonly oldest: NonNullable<CoverOptions["oldest"]>;
  readonly signal: AbortSignal | undefined;
  readonly #client: StorageClient;
  readonly #settings: ClickHouseSettings;
  readonly #started = performance.now();
  #rowsRead = 0;
  #bytesRead = 0;

  constructor(client: StorageClient, { name, oldest, limits = {}, threads, signal }: QuestionOptions) {
    const { timeoutMs = 30_000, memoryBytes = 2 ** 30, rowsRead = 5e9 } = limits;
    this.#client = client;
    this.oldest = oldest;
    this.signal = signal;
    this.#settings = {
      log_comment: `aperture ${name}`,
      // Inserts go first; under a flood of them a question goes on, a block each time that it has waited.
      priority: "2",
      low_priority_query_wait_time_ms: "50",
      ...(threads !== undefined && { max_threads: threads }),
      max_execution_time: Math.ceil(timeoutMs / 1000),
      max_memory_usage: String(memoryBytes),
      max_rows_to_read: String(rowsRead),
    };
  }

  /** Returns what was taken so far. */
  get cost(): QueryCost {
    return {
      elapsedMs: performance.now() - this.#started,
      rowsRead: this.#rowsRead,
      bytesRead: this.#bytesRead,
    };
  }

  /** Answers a SELECT column by column. @throws {QuestionError | StorageError} */
  async select(sql: string, params: Readonly<Record<string, unknown>> = {}): Promise<Selected> {
    const options = { params, signal: this.signal, settings: this.#settings };
    const answer = await this.#client.select(sql, options).catch((error) => {
      throw wrongQuestion(error) ?? error;
    });
    this.#rowsRead += answer.statistics.rowsRead;
    this.#bytesRead += answer.statistics.bytesRead;
    return answer;
  }

  /** Answers a SELECT row by row. @throws {QuestionError | StorageError} */
  async rows<T>(sql: string, params: Readonly<Record<string, unknown>> = {}): Promise<T[]> {
    return rowsOf<T>(await this.select(sql, params));
  }
}

const LESS = "ask for less time or fewer series";

/** Holds what ClickHouse's numbers of errors say of the question. */
const WRONG: Readonly<Record<number, (message: string) => string | undefined>> = {
  // TOO_MANY_ROWS
  158: () => `Cannot answer as too many rows would be read: ${LESS}`,
  // MEMORY_LIMIT_EXCEEDED, which may be that of all questions together, and is over in a moment then
  241: (message) => {
    if (!/\bQuery memory limit\b/i.test(message)) return undefined;
    return `Cannot answer as it takes more memory than a question may have: ${LESS}`;
  },
  // CANNOT_COMPILE_REGEXP
  427: (message) => {
    const why = /cannot compile re2: .*?, error: (.*?)\. Look at/s.exec(message)?.[1];
    return `Cannot use a pattern as it is no RE2${why ? `: ${why}` : ""}`;
  },
};

/** Returns the error of who asked, where storage refused a statement for what it asks. */
function wrongQuestion(error: unknown): QuestionError | undefined {
  if (!(error instanceof StorageError) || error.code === undefined) return undefined;
  const why = WRONG[error.code]?.(error.message);
  return why === undefined ? undefined : new QuestionError(why, { cause: error });
}
