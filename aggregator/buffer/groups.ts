// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps which batches are written to storage at once, in Deno KV: a group stays the same until it is written, over
 * restarts as well.
 *
 * @module
 */

import { chunkCount, chunkKeys, deleteAll, DELETES_PER_COMMIT } from "./chunks.ts";
import type { GroupRecord, Head } from "./entry.ts";
import type { Store } from "./store.ts";

/** Bounds a group; it has at least one batch, however large. */
export interface GroupBounds {
  readonly maxBatches: number;
  readonly maxBytes: number;
  /** Is of what they take when they are written out. */
  readonly maxExpanded: number;
}

/** Holds the groups that are not in storage, the next one first. */
export class Groups {
  readonly #store: Store;
  #records: readonly GroupRecord[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  get first(): GroupRecord | undefined {
    return this.#records[0];
  }

  /** Reads what is kept, and ends what was broken off. */
  async load(): Promise<void> {
    const records = (await this.#store.kv.get<GroupRecord[]>(["groups"])).value ?? [];
    const done = records[0]?.done ? records[0] : undefined;
    if (done) await this.#erase(done, records.slice(1));
    this.#records = done ? records.slice(1) : records;
  }

  /** @throws {Error} unless `token` names the first group; `what` is what cannot be done then */
  current(token: string, what: string): GroupRecord {
    const { first } = this;
    if (first?.token !== token) throw new Error(`Cannot ${what} the group '${token}': it was not taken`);
    return first;
  }

  /** Makes a group of the first of `heads` that are in none, and puts it before the others. */
  async make(heads: Iterable<Head>, { maxBatches, maxBytes, maxExpanded }: GroupBounds, aggregator: string) {
    const chosen: Head[] = [];
    const taken = new Set(this.#records.flatMap(({ ids }) => ids));
    let [bytes, expanded] = [0, 0];
    for (const head of heads) {
      if (taken.has(head.id)) continue;
      bytes += head.size;
      expanded += head.expanded;
      const tooMuch = chosen.length >= maxBatches || bytes > maxBytes || expanded > maxExpanded;
      if (chosen.length > 0 && tooMuch) break;
      chosen.push(head);
    }
    if (chosen.length === 0) return;
    const group = {
      token: `${aggregator}/${crypto.randomUUID()}`,
      skip: [],
      ids: chosen.map(({ id }) => id),
      chunks: chosen.map(({ size }) => chunkCount(size)),
      tries: 0,
      done: false,
    };
    await this.#save([group, ...this.#records]);
  }

  /** Puts two halves of the first group in its place; see {@linkcode StagingBuffer.halve}. */
  async halve({ token, ...group }: GroupRecord, skip: readonly string[]): Promise<void> {
    const middle = group.ids.length >> 1;
    const half = (from: number, to: number, name: string): GroupRecord => ({
      token: `${token}/${name}`,
      skip: [...new Set([...group.skip, ...skip])],
      ids: group.ids.slice(from, to),
      chunks: group.chunks.slice(from, to),
      tries: 0,
      done: false,
    });
    const rest = this.#records.slice(1);
    await this.#save([half(0, middle, "a"), half(middle, group.ids.length, "b"), ...rest]);
  }

  /** Puts the first group behind all others. */
  async postpone(group: GroupRecord): Promise<void> {
    await this.#save([...this.#records.slice(1), { ...group, tries: group.tries + 1 }]);
  }

  /** Has `commit` take the first group's entry away with others of its own. */
  async drop(commit: (kv: Deno.Kv) => Deno.AtomicOperation): Promise<void> {
    const rest = this.#records.slice(1);
    await this.#store.withReserve(() => commit(this.#store.kv).set(["groups"], rest).commit());
    this.#records = rest;
  }

  /** Remembers that the first group is in storage: should a commit fail, it must not be handed out again. */
  markDone(group: GroupRecord): void {
    this.#records = [{ ...group, done: true }, ...this.#records.slice(1)];
  }

  /** Removes the first group, with the entries of its batches. */
  async remove(group: GroupRecord): Promise<void> {
    const rest = this.#records.slice(1);
    await this.#store.withReserve(() => this.#erase(group, rest));
    this.#records = rest;
  }

  async #save(records: readonly GroupRecord[]): Promise<void> {
    await this.#store.withReserve(() => this.#store.kv.set(["groups"], records));
    this.#records = records;
  }

  /**
   * Removes it in one commit where that is possible; else it is marked first, so that a crash does not bring it back.
   */
  async #erase(group: GroupRecord, rest: readonly GroupRecord[]): Promise<void> {
    const { kv } = this.#store;
    const keys = group.ids.flatMap((id, i) => [["head", id], ...chunkKeys(id, group.chunks[i]!)]);
    if (keys.length + 1 > DELETES_PER_COMMIT && !group.done) {
      await kv.set(["groups"], [{ ...group, done: true }, ...rest]);
    }
    await deleteAll(kv, keys, { marker: ["groups"], value: rest.length > 0 ? rest : undefined });
  }
}
