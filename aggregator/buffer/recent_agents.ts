// SPDX-License-Identifier: Apache-2.0
/**
 * Holds what is remembered of the agents that push now, as it was written last, so that a push need not ask the store
 * for it.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { type BatchMeta, seenKey } from "./entry.ts";
import type { Commits } from "./commits.ts";
import type { Remembered } from "./put_batch.ts";

/** So many agents are held, with some 800 bytes each. */
const MAX_AGENTS = 8192;

/**
 * Is right about what it has as long as nobody else writes to the store: what it says is older than the store's own
 * shows when the store checks it as it is written over.
 */
export class RecentAgents {
  readonly #commits: Pick<Commits, "get">;
  readonly #entries = new LRUCache<string, Remembered>({ max: MAX_AGENTS });

  /** @param commits reads what is not held */
  constructor(commits: Pick<Commits, "get">) {
    this.#commits = commits;
  }

  /** Returns what is remembered around a batch's sequence, or of its content. */
  async remembered(kv: Deno.Kv, meta: BatchMeta): Promise<Remembered> {
    const held = meta.content === undefined ? this.#entries.get(nameOf(meta)) : undefined;
    return held ?? await this.#commits.get(kv, seenKey(meta));
  }

  /** Holds what was written with a batch. What is sent with content is rarely sent again. */
  hold(meta: BatchMeta, written: Remembered): void {
    if (meta.content === undefined) this.#entries.set(nameOf(meta), written);
  }

  /** Forgets all: the store is another one. */
  clear(): void {
    this.#entries.clear();
  }
}

function nameOf(meta: BatchMeta): string {
  return seenKey(meta).join("/");
}
