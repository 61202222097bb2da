// SPDX-License-Identifier: Apache-2.0
/**
 * Makes what blocks are made of: batches as they came, their hashes, and the bucket of time that they are counted in.
 *
 * @module
 */

import type { Batch } from "../../profile/model.ts";
import { type ContentHashes, hashContent } from "./content_hash.ts";

/** Is the finest resolution of time in storage, in seconds. */
export const BUCKET_S = 10;

const HOUR_S = 3600;
const DAY_S = 86_400;
/** DateTime is 32 bits of seconds; times beyond are held at the last one. */
const MAX_SECOND = 2 ** 32 - 1;

/** Is a batch as it came, and when. */
export type ReceivedBatch = Batch & {
  /** The time is in Unix milliseconds. */
  readonly receivedMs: number;
};

/** Holds a batch and what it becomes part of. */
export interface Part {
  readonly batch: Batch;
  readonly hashes: ContentHashes;
  /** Is the second in which the hour begins, and steps of {@linkcode BUCKET_S} since then. */
  readonly period: number;
  readonly bucket: number;
  /** The day is in days since 1970. */
  readonly day: number;
}

/** Hashes `batch` and finds its bucket: one that spans several is in that in which it starts. */
export function partOf(batch: Batch): Part {
  const second = Math.min(Number(batch.startNs / 1_000_000_000n), MAX_SECOND);
  const period = Math.floor(second / HOUR_S) * HOUR_S;
  return {
    batch,
    hashes: hashContent(batch, batch.node),
    period,
    bucket: Math.floor((second - period) / BUCKET_S),
    day: Math.floor(second / DAY_S),
  };
}

/** Numbers few texts that many rows have. */
export class StringDictionary {
  readonly all: string[] = [];
  readonly #number = new Map<string, number>();

  of(text: string): number {
    let number = this.#number.get(text);
    if (number === undefined) this.#number.set(text, number = this.all.push(text) - 1);
    return number;
  }
}
