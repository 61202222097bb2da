// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what storage refused for what is in it, in Deno KV.
 *
 * @module
 */

import { chunkCount, chunkKeys, deleteAll } from "./chunks.ts";
import type { Quarantined } from "./entry.ts";
import type { Store } from "./store.ts";

export interface QuarantineOptions {
  /** At most so many batches are kept. */
  readonly maxBatches: number;
  /** They have at most so many bytes. */
  readonly maxBytes: number;
  /** Is called for each batch that is lost for one that came later. */
  readonly onLost: () => void;
}

/** Holds batches in quarantine, the oldest first; whoever adds one has written its entry. */
export class Quarantine {
  readonly #store: Store;
  readonly #options: QuarantineOptions;
  readonly #batches = new Map<number, Quarantined>();

  constructor(store: Store, options: QuarantineOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Returns what is kept, the oldest first. */
  list(): Quarantined[] {
    return [...this.#batches.values()];
  }

  add(quarantined: Quarantined): void {
    this.#batches.set(quarantined.head.id, quarantined);
  }

  /** Knows none any more; their entries stay. */
  clear(): void {
    this.#batches.clear();
  }

  /** Loses the oldest ones until the others are within the bounds. */
  async bound(): Promise<void> {
    const { maxBatches, maxBytes } = this.#options;
    const bytes = () => this.#batches.values().reduce((sum, { head }) => sum + head.size, 0);
    while (this.#batches.size > maxBatches || bytes() > maxBytes) {
      const [id] = this.#batches.keys();
      await this.#lose(id!);
    }
  }

  /** Loses all of them. */
  async loseAll(): Promise<void> {
    for (const id of this.#batches.keys()) await this.#lose(id);
  }

  async #lose(id: number): Promise<void> {
    const { head } = this.#batches.get(id)!;
    await deleteAll(this.#store.kv, chunkKeys(id, chunkCount(head.size)), { marker: ["quarantine", id] });
    this.#batches.delete(id);
    this.#options.onLost();
  }
}
