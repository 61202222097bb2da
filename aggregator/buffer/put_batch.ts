// SPDX-License-Identifier: Apache-2.0
/**
 * Writes a batch into the staging buffer's Deno KV, in as many commits as it takes; the last one makes it visible.
 *
 * @module
 */

import { CHUNK_BYTES, chunkCount, chunkKeys, CHUNKS_PER_COMMIT, deleteAll, setChunks } from "./chunks.ts";
import type { Commits } from "./commits.ts";
import { type BatchMeta, type Head, lifetimeOf, seenKey } from "./entry.ts";
import { addSequence, hasSequence } from "./sequences.ts";

export interface PutOptions {
  /** Makes the last commit, with those of others. */
  readonly commits: Commits;
  /** Says how long its sequence is remembered, in ms. */
  readonly rememberMs: number;
  /** Is called where chunks of a batch that was not kept could not be removed: there are so many. */
  readonly onLeft: (chunks: number) => void;
}

/** Is what is remembered of what a batch's agent pushed around its sequence, or of its content. */
export type Remembered = Deno.KvEntryMaybe<Uint8Array>;

/** Reads what tells whether a batch was kept before. */
export function remembered(kv: Deno.Kv, meta: BatchMeta): Promise<Remembered> {
  return kv.get<Uint8Array>(seenKey(meta));
}

/** Returns whether a batch of that agent, epoch and sequence, or of that content, was kept before. */
export function wasKept({ value }: Remembered, { content, sequence }: BatchMeta): boolean {
  return content === undefined ? hasSequence(value ?? undefined, sequence) : value !== null;
}

/**
 * Keeps a batch with its sequence; when this resolves it is on disk, where there is one.
 *
 * @param known was read before, and says that it was not kept
 * @returns what is remembered now; `undefined` when a batch of that sequence was kept by another call meanwhile: then,
 * and when it throws, nothing is kept
 */
export async function putBatch(
  kv: Deno.Kv,
  { head, bytes, known }: { head: Head; bytes: Uint8Array; known: Remembered },
  { commits, rememberMs, onLeft }: PutOptions,
): Promise<Remembered | undefined> {
  const key = seenKey(head);
  const parts = partsOf(bytes);
  let kept = false;
  try {
    await writeParts(kv, { id: head.id, bytes, parts });
    for (let seen = known;; seen = await remembered(kv, head)) {
      if (wasKept(seen, head)) return undefined;
      const mark = head.content === undefined ? addSequence(seen.value ?? undefined, head.sequence) : CONTENT;
      const addTo = (commit: Deno.AtomicOperation) => {
        commit.set(["head", head.id], head).set(key, mark, lifetimeOf(key, rememberMs));
        if (parts > 0) commit.delete(["part", head.id]);
        setChunks(commit, { id: head.id, bytes, from: parts, to: chunkCount(bytes.length) });
      };
      const size = bytes.length - parts * CHUNK_BYTES;
      // Else another batch of this agent came between.
      const committed = await commits.put({ kv, seen, size, addTo });
      kept = committed.ok;
      if (committed.ok) return { key, value: mark, versionstamp: committed.versionstamp };
    }
  } finally {
    if (!kept && parts > 0) await removeParts(kv, { id: head.id, chunks: parts }, () => onLeft(parts));
  }
}

/** Says of content that it was seen. */
const CONTENT = Uint8Array.of(1);

/** Removes chunks of a batch that is not visible; `failed` is called where that is not possible, as on a full disk. */
export async function removeParts(
  kv: Deno.Kv,
  { id, chunks }: { id: number; chunks: number },
  failed: () => void,
): Promise<void> {
  try {
    await deleteAll(kv, chunkKeys(id, chunks), { marker: ["part", id] });
  } catch {
    failed();
  }
}

/** Returns how many chunks, from the first on, do not fit into the commit of the head. */
function partsOf({ length }: Uint8Array): number {
  return Math.max(0, Math.ceil(chunkCount(length) / CHUNKS_PER_COMMIT) - 1) * CHUNKS_PER_COMMIT;
}

/** Writes chunks of a batch that is not visible, and that there are some; `parts` is a multiple of what a commit takes. */
export async function writeParts(
  kv: Deno.Kv,
  { id, bytes, parts }: { id: number; bytes: Uint8Array; parts: number },
): Promise<void> {
  for (let from = 0; from < parts; from += CHUNKS_PER_COMMIT) {
    const commit = kv.atomic();
    if (from === 0) commit.set(["part", id], chunkCount(bytes.length));
    setChunks(commit, { id, bytes, from, to: from + CHUNKS_PER_COMMIT });
    await commit.commit();
  }
}
