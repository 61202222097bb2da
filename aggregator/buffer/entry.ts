// SPDX-License-Identifier: Apache-2.0
/**
 * Says what the staging buffer keeps, and under which keys.
 *
 * - `["aggregator"]`: this buffer's name, for ever;
 * - `["chunk", id, i]`: 60 KiB of a batch's bytes;
 * - `["head", id]`: a {@linkcode Head}; written last, it makes the batch visible;
 * - `["part", id]`: how many chunks a batch has that is not yet visible and needs several commits;
 * - `["seen", agentId, epoch, block]`: sequences that were acknowledged, written with the head;
 * - `["seen", agentId, content]`: content that was acknowledged, written with the head;
 * - `["groups"]`: the {@linkcode GroupRecord}s of the batches that are being written to storage, the next one first;
 * - `["quarantine", id]`: a {@linkcode Quarantined} batch in place of its head.
 *
 * @module
 */

import { blockOf } from "./sequences.ts";

/** Holds what is known of a batch without decoding it. */
export interface BatchMeta {
  readonly agentId: string;
  readonly epoch: bigint;
  readonly sequence: number;
  readonly node: string;
  /**
   * Names what was pushed by those who number nothing: a hash of it. It is known for an hour, and the
   * sequence counts for nothing.
   */
  readonly content?: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly samples: number;
  /** Says what it takes when it is written out, in bytes. */
  readonly expanded: number;
}

/** Describes a staged batch. */
export interface Head extends BatchMeta {
  readonly id: number;
  readonly size: number;
  /** Is the CRC-32 of the bytes. */
  readonly checksum: number;
  /** Says, in Unix ms, when it was staged. */
  readonly receivedMs: number;
  /** It was in quarantine, and is tried again by this version. */
  readonly retriedBy?: string;
}

/** Holds a batch that storage refused for what is in it. */
export interface Quarantined {
  readonly head: Head;
  readonly error: string;
  /** Says since when, in Unix ms. */
  readonly sinceMs: number;
  /** Says which version failed to write it. */
  readonly version: string;
}

export interface StagedBatch {
  readonly head: Head;
  /** Holds the `PushRequest`; empty when the buffer's file was damaged. */
  readonly bytes: Uint8Array;
}

/** Holds batches to write to storage at once. */
export interface StagedGroup {
  /** Names the group for ever and everywhere: what was written under it is not to be written again. */
  readonly token: string;
  readonly batches: readonly StagedBatch[];
  /** Names parts of storage that have these batches already, under the token of a larger group. */
  readonly skip: readonly string[];
  /** Says how many batches it was made of; some may be lost since. */
  readonly size: number;
  /** Counts how often it was put off. */
  readonly tries: number;
}

/** Is a group as it is kept while it is being written. */
export interface GroupRecord {
  readonly token: string;
  readonly skip: readonly string[];
  readonly tries: number;
  readonly ids: readonly number[];
  readonly chunks: readonly number[];
  /** It is in storage; what is left of it can go. */
  readonly done: boolean;
}

/** Clients send again what got no answer for minutes; the time is in ms. */
const CONTENT_MS = 3_600_000;

/** Returns the key of the sequences of an agent's run around `sequence`, or of the content. */
export function seenKey({ agentId, epoch, sequence, content }: BatchMeta): Deno.KvKey {
  if (content !== undefined) return ["seen", agentId, content];
  return ["seen", agentId, epoch, blockOf(sequence)];
}

/**
 * Says how long an entry is kept, in ms from when it is written or copied: what was seen is forgotten, all else is not.
 *
 * @param rememberMs so long sequences are remembered
 */
export function lifetimeOf(key: Deno.KvKey, rememberMs: number): { readonly expireIn?: number } {
  if (key[0] !== "seen") return {};
  return { expireIn: key.length === 3 ? CONTENT_MS : rememberMs };
}

/** Copies all entries of a store into another one; what is remembered for a time begins that time again. */
export async function copyEntries(from: Deno.Kv, to: Deno.Kv, rememberMs: number): Promise<void> {
  for await (const { key, value } of from.list({ prefix: [] }, { batchSize: 13 })) {
    await to.set(key, value, lifetimeOf(key, rememberMs));
  }
}
