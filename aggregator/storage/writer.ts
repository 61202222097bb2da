// SPDX-License-Identifier: Apache-2.0
/**
 * Writes groups of batches to storage, each exactly once.
 *
 * @module
 */

import { type StorageClient, StorageError } from "./client.ts";
import { NAME_TABLES, type SeenTables } from "./name_blocks.ts";
import type { ReceivedBatch } from "./part.ts";
import { toBlocks } from "./rows.ts";
import { WrittenHashes } from "./written_hashes.ts";

/** Holds batches that are written together. */
export interface Group {
  /** Is the same for the same batches, after a crash as well, and for no others. */
  readonly token: string;
  readonly batches: readonly ReceivedBatch[];
  /** Names tables that have these batches already, under another token. @default {[]} */
  readonly skip?: readonly string[];
}

/** A group was not written whole; the cause is what its table said. */
export class WriteError extends StorageError {
  override name = "WriteError";
  /** Names the tables with a token that have all of it. */
  readonly written: readonly string[];

  constructor(cause: unknown, { written }: { written: readonly string[] }) {
    const code = cause instanceof StorageError ? cause.code : undefined;
    super(cause instanceof Error ? cause.message : String(cause), { code, cause });
    this.written = written;
  }
}

export interface WriterOptions {
  /** Says how many rows of each table that samples refer to are known to be stored. @default {200000} */
  remember?: number;
}

/** They are written last, in this order, each with the group's token. */
const COUNTED_TABLES = [
  "samples",
  "locks",
  "holds",
  "syscalls",
  "slow_calls",
  "profiles",
  "batches",
] as const;

/**
 * Is the writer of one database.
 *
 * A group may be written any number of times, by this process or one after a crash, and counts once: what samples
 * refer to is the same rows whoever writes them and whenever; the others carry the group's token, by which their
 * tables, and the ones that views fill from them, know a repetition, part by part. Tables are written in the order of
 * reference: a reader that sees a sample finds its stack, and one that sees a batch finds all of its samples.
 */
export class Writer {
  readonly #client: StorageClient;
  #last: Promise<unknown> = Promise.resolve();
  readonly #seen: SeenTables;

  constructor(client: StorageClient, { remember = 200_000 }: WriterOptions = {}) {
    this.#client = client;
    this.#seen = {
      functions: new WrittenHashes(remember),
      symbols: new WrittenHashes(remember),
      locations: new WrittenHashes(remember),
      stacks: new WrittenHashes(remember),
      series: new WrittenHashes(remember),
    };
  }

  /**
   * Writes `group`, one insert for each table. Calls that overlap are made one after the other, as each leaves
   * out what those before it have written.
   *
   * @returns how many rows were sent to all tables
   * @throws {WriteError} nothing, or a part, may have been written: write the same group again
   */
  write(group: Group): Promise<{ rows: number }> {
    const written = this.#last.then(() => this.#write(group));
    this.#last = written.catch(() => {});
    return written;
  }

  async #write({ token, batches, skip = [] }: Group): Promise<{ rows: number }> {
    const seen = Object.values(this.#seen);
    const written: string[] = [];
    let rows = 0;
    try {
      const blocks = toBlocks(batches, this.#seen);
      for (const table of NAME_TABLES) {
        await this.#client.insert(table, blocks[table]);
        rows += blocks[table][0]!.rows;
      }
      for (const each of seen) each.commit();
      for (const table of COUNTED_TABLES) {
        if (skip.includes(table)) continue;
        await this.#client.insert(table, blocks[table], { token });
        written.push(table);
        rows += blocks[table][0]!.rows;
      }
    } catch (cause) {
      // The tables themselves may be others when the server is back.
      for (const each of seen) each.forget();
      throw new WriteError(cause, { written });
    }
    return { rows };
  }
}
