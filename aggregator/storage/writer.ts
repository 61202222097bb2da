/**
 * Writes groups of batches to storage, each exactly once.
 *
 * @module
 */

import type { StorageClient } from "./client.ts";
import { type ReceivedBatch, toBlocks } from "./rows.ts";
import { Seen } from "./seen.ts";

/** Batches that are written together. */
export interface Group {
  /** The same for the same batches, after a crash as well, and for no others. */
  readonly token: string;
  readonly batches: readonly ReceivedBatch[];
  /** Tables that have these batches already, under another token. @default {[]} */
  readonly skip?: readonly string[];
}

/** A group was not written whole; the cause is what its table said. */
export class WriteError extends Error {
  override name = "WriteError";
  /** The tables with a token that have all of it. */
  readonly written: readonly string[];

  constructor(message: string, { written, cause }: { written: readonly string[]; cause: unknown }) {
    super(message, { cause });
    this.written = written;
  }
}

export interface WriterOptions {
  /** The width of the buckets that samples are summed in, in seconds. @default {10} */
  bucket?: number;
  /** How many stacks, as many frames, and half as many series are known to be stored. @default {200000} */
  remember?: number;
}

/**
 * The writer of one database.
 *
 * A group may be written any number of times, by this process or one after a crash, and counts once: frames,
 * stacks and series are the same rows whoever writes them and whenever; the others carry the group's
 * token, by which their tables know a repetition, part by part. They are written in the order of reference:
 * a reader that sees a sample finds its stack, and one that sees a batch finds all of its samples.
 */
export class Writer {
  readonly #client: StorageClient;
  readonly #bucket: number;
  #last: Promise<unknown> = Promise.resolve();
  readonly #seen: { readonly frames: Seen; readonly stacks: Seen; readonly series: Seen };

  constructor(client: StorageClient, { bucket = 10, remember = 200_000 }: WriterOptions = {}) {
    if (!Number.isInteger(bucket) || bucket < 1 || bucket > 3600) {
      throw new RangeError(
        `Cannot sum samples in buckets that are not of 1 to 3600 whole seconds: current value is ${bucket}`,
      );
    }
    this.#client = client;
    this.#bucket = bucket;
    this.#seen = {
      frames: new Seen(remember),
      stacks: new Seen(remember),
      series: new Seen(Math.ceil(remember / 2)),
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
      const blocks = toBlocks(batches, this.#seen, this.#bucket);
      for (const table of ["frames", "stacks", "series"] as const) {
        await this.#client.insert(table, blocks[table]);
        rows += blocks[table][0]!.rows;
      }
      for (const each of seen) each.commit();
      for (const table of ["samples", "locks", "syscalls", "batches"] as const) {
        if (skip.includes(table)) continue;
        await this.#client.insert(table, blocks[table], { token });
        written.push(table);
        rows += blocks[table][0]!.rows;
      }
    } catch (cause) {
      // The tables themselves may be others when the server is back.
      for (const each of seen) each.forget();
      throw new WriteError((cause as Error).message, { written, cause });
    }
    return { rows };
  }
}
