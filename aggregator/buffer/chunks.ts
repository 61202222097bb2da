// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps a batch's bytes as values of Deno KV, which takes at most 64 KiB a value, and 1,000 mutations and 800 KiB a
 * commit.
 *
 * @module
 */

import { crc32 } from "node:zlib";

export const CHUNK_BYTES = 60 * 1024;
/** 13 chunks and a head record stay below 800 KiB. */
export const CHUNKS_PER_COMMIT = 13;
/** 1,000 would be taken; but a push that comes meanwhile waits for the whole commit. */
export const DELETES_PER_COMMIT = 100;

/** Returns how many chunks `size` bytes take. */
export function chunkCount(size: number): number {
  return Math.ceil(size / CHUNK_BYTES);
}

/** Adds to `commit` the chunks `from` to `to` of the batch `id`. */
export function setChunks(
  commit: Deno.AtomicOperation,
  { id, bytes, from, to }: { id: number; bytes: Uint8Array; from: number; to: number },
): void {
  for (let i = from; i < to; i++) {
    commit.set(["chunk", id, i], bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES));
  }
}

/**
 * Returns the bytes of the batch `id`; empty, which no batch is, when they are not what was written: the file was
 * damaged.
 */
export async function readChunks(
  kv: Deno.Kv,
  { id, size, checksum }: { id: number; size: number; checksum: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const { value } of kv.list<Uint8Array>({ prefix: ["chunk", id] }, { batchSize: 100 })) {
    if (at + value.length > size) return new Uint8Array();
    bytes.set(value, at);
    at += value.length;
  }
  return at === size && crc32(bytes) === checksum ? bytes : new Uint8Array();
}

/**
 * Deletes `keys`, and at last `marker`: when that is gone, all are.
 *
 * @param value what the marker is set to instead of being deleted
 */
export async function deleteAll(
  kv: Deno.Kv,
  keys: readonly Deno.KvKey[],
  { marker, value }: { marker: Deno.KvKey; value?: unknown },
): Promise<void> {
  let left = keys;
  do {
    const commit = kv.atomic();
    for (const key of left.slice(0, DELETES_PER_COMMIT - 1)) commit.delete(key);
    left = left.slice(DELETES_PER_COMMIT - 1);
    if (left.length === 0) {
      if (value === undefined) commit.delete(marker);
      else commit.set(marker, value);
    }
    await commit.commit();
  } while (left.length > 0);
}

/** Returns the keys of the chunks of a batch. */
export function chunkKeys(id: number, chunks: number): Deno.KvKey[] {
  return Array.from({ length: chunks }, (_, i) => ["chunk", id, i]);
}
