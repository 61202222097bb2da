// SPDX-License-Identifier: Apache-2.0
/**
 * Commits what pushes write, and reads what they ask for, many at once.
 *
 * @module
 */

import { CHUNK_BYTES, CHUNKS_PER_COMMIT } from "./chunks.ts";
import { Together } from "./together.ts";

/** Is the last commit of one batch. */
export interface Put {
  readonly kv: Deno.Kv;
  /** Is what the commit holds only with, and changes. */
  readonly seen: Deno.KvEntryMaybe<unknown>;
  /** Is of the chunks that it writes, in bytes. */
  readonly size: number;
  /** Adds to a commit what it writes. */
  readonly addTo: (commit: Deno.AtomicOperation) => void;
}

interface Get {
  readonly kv: Deno.Kv;
  readonly key: Deno.KvKey;
}

/** Beside its chunks a batch has a head, the keys of all, and sequences that were seen. */
const HEAD_BYTES = 4096;
/** A commit takes 100 checks, and this many batches 1,000 mutations for sure. */
const PUTS_PER_COMMIT = 50;
const GETS_PER_READ = 10;

/** Are the accesses of one staging buffer. */
export class Commits {
  readonly #puts = new Together<Put, Deno.KvCommitResult | Deno.KvCommitError>({
    fits: fitsCommit,
    run: putAll,
  });
  readonly #gets = new Together<Get, Deno.KvEntryMaybe<Uint8Array>>({ fits: fitsRead, run: getAll });

  /** Commits `put`; `ok` is false where `seen` is not what the store has any more. */
  put(put: Put): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
    return this.#puts.do(put);
  }

  /** Reads an entry. */
  get(kv: Deno.Kv, key: Deno.KvKey): Promise<Deno.KvEntryMaybe<Uint8Array>> {
    return this.#gets.do({ kv, key });
  }
}

function fitsCommit(group: readonly Put[], { kv, seen, size }: Put): boolean {
  const bytes = group.reduce((sum, each) => sum + each.size + HEAD_BYTES, size + HEAD_BYTES);
  if (group.length >= PUTS_PER_COMMIT || bytes > CHUNKS_PER_COMMIT * CHUNK_BYTES) return false;
  // Two that change the same entry would undo each other's change.
  return group.every((each) => each.kv === kv && !isSame(each.seen.key, seen.key));
}

function isSame(a: Deno.KvKey, b: Deno.KvKey): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i]);
}

/** Commits all of `group` at once; where that is not possible, each by itself, so that none suffers from another. */
async function putAll(group: readonly Put[]) {
  if (group.length > 1) {
    const committed = await commit(group).catch(() => undefined);
    if (committed?.ok) return group.map(() => ({ status: "fulfilled", value: committed }) as const);
  }
  const results: PromiseSettledResult<Deno.KvCommitResult | Deno.KvCommitError>[] = [];
  for (const put of group) results.push(...await Promise.allSettled([commit([put])]));
  return results;
}

// deno-lint-ignore require-await -- to reject where an entry is too large
async function commit(group: readonly Put[]): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
  const atomic = group[0]!.kv.atomic();
  for (const { seen, addTo } of group) addTo(atomic.check(seen));
  return atomic.commit();
}

function fitsRead(group: readonly Get[], { kv }: Get): boolean {
  return group.length < GETS_PER_READ && group[0]!.kv === kv;
}

async function getAll(group: readonly Get[]) {
  const entries = await group[0]!.kv.getMany<Uint8Array[]>(group.map(({ key }) => key));
  return entries.map((value) => ({ status: "fulfilled", value }) as const);
}
