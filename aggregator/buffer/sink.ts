// SPDX-License-Identifier: Apache-2.0
/**
 * Declares where groups of batches go from the buffer.
 *
 * @module
 */

import type { Kind } from "../../profile/model.ts";

/** Takes groups. */
export interface Sink {
  /**
   * Writes all of `batches` that can be read. It may be called again with the same token and the same batches, when it
   * is not known whether the first call succeeded, and must not write a row twice then.
   *
   * @throws {RefusedError} when storage answers and does not take the group
   */
  write(group: GroupToWrite): Promise<Written>;
}

/** Is a batch as it was staged. */
export interface BatchToWrite {
  readonly agentId: string;
  readonly sequence: number;
  /** Says, in Unix ms, when it was staged. */
  readonly receivedMs: number;
  /** Is the `PushRequest`; whoever is given the group may take it over. */
  readonly bytes: Uint8Array;
}

/** Holds batches that are written together. */
export interface GroupToWrite {
  readonly token: string;
  readonly batches: readonly BatchToWrite[];
  /** Names parts of storage that have these batches already, and are left out. */
  readonly skip: readonly string[];
}

/** Is a batch that is in storage. */
export interface StoredBatch {
  readonly sequence: number;
  /** Is the end of its window, in Unix ns. */
  readonly endNs: bigint;
  /** Lists the kinds that it has rows of. */
  readonly kinds: readonly Kind[];
}

/** Says what was written. */
export interface Written {
  /** Counts the rows that all tables were sent. */
  readonly rows: number;
  readonly stored: readonly StoredBatch[];
  /** Says of each batch that could not be read why, and which one it is. */
  readonly unreadable: readonly string[];
}

/** Storage answers, and does not take a group; what refused it has taken nothing of it. */
export class RefusedError extends Error {
  override name = "RefusedError";
  /** Is true when it is because of what is in it; else storage lacks memory or time for it now. */
  readonly content: boolean;
  /** Names the parts of storage that have all of the group. */
  readonly written: readonly string[];

  constructor(
    message: string,
    { content, written, cause }: { content: boolean; written: readonly string[]; cause?: unknown },
  ) {
    super(message, { cause });
    this.content = content;
    this.written = written;
  }
}
