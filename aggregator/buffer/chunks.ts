/**
 * A batch's bytes as values of Deno KV, which takes at most 64 KiB a value, and 1,000 mutations and 800 KiB a
 * commit.
 *
 * @module
 */

export const CHUNK_BYTES = 60 * 1024;
/** 13 chunks and a head record stay below 800 KiB. */
export const CHUNKS_PER_COMMIT = 13;
export const MUTATIONS_PER_COMMIT = 1000;

/** How many chunks `size` bytes take. */
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
 * The bytes of the batch `id`; empty, which no batch is, when they are not `size`: the file was damaged.
 */
export async function readChunks(
  kv: Deno.Kv,
  { id, size }: { id: number; size: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const { value } of kv.list<Uint8Array>({ prefix: ["chunk", id] }, { batchSize: 100 })) {
    if (at + value.length > size) return new Uint8Array();
    bytes.set(value, at);
    at += value.length;
  }
  return at === size ? bytes : new Uint8Array();
}

/** Deletes `keys`, and at last `marker`: when that is gone, all are. */
export async function deleteAll(kv: Deno.Kv, keys: readonly Deno.KvKey[], marker: Deno.KvKey): Promise<void> {
  const all = [...keys, marker];
  for (let at = 0; at < all.length; at += MUTATIONS_PER_COMMIT) {
    const commit = kv.atomic();
    for (const key of all.slice(at, at + MUTATIONS_PER_COMMIT)) commit.delete(key);
    await commit.commit();
  }
}

/** The keys of the chunks of a batch. */
export function chunkKeys(id: number, chunks: number): Deno.KvKey[] {
  return Array.from({ length: chunks }, (_, i) => ["chunk", id, i]);
}
