// SPDX-License-Identifier: Apache-2.0
/**
 * Holds batches that were acknowledged and are not yet in storage, in Deno KV.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { crc32 } from "node:zlib";
import { VERSION } from "../../common/main.ts";
import { chunkCount, chunkKeys, deleteAll, MUTATIONS_PER_COMMIT, readChunks } from "./chunks.ts";
import {
  type BatchMeta,
  type GroupRecord,
  type Head,
  lifetimeOf,
  type Quarantined,
  type StagedGroup,
} from "./entry.ts";
import { putBatch, remembered, removeParts, wasKept } from "./put_batch.ts";
import { isDamaged, isFull, Store } from "./store.ts";

export interface BufferOptions {
  /** Names a file, which is made if need be, or ":memory:". @default {":memory:"} */
  path?: string;
  /** The capacity is in batches. @default {10000} */
  capacity?: number;
  /** @default {268435456} */
  capacityBytes?: number;
  /** Acknowledged sequences are remembered so long, in ms. @default {604800000} */
  rememberMs?: number;
  /** At most so many batches are in quarantine; they have a tenth of the bytes, too. @default {100} */
  maxQuarantined?: number;
  /** Names the version that writes to storage; what another one could not write is tried again. @default {VERSION} */
  version?: string;
  /** Tells the time in Unix ms. @default {Date.now} */
  clock?: () => number;
}

/** The buffer has no room; the batch stays with the agent. */
export class BufferFullError extends Error {
  override name = "BufferFullError";
}

/** From this share of its capacity on the buffer asks agents to send less. */
const BACKPRESSURE = 0.8;
/** This share of the capacity in bytes may be in quarantine. */
const QUARANTINE_SHARE = 0.1;

/**
 * Is the aggregator's staging buffer. What {@linkcode StagingBuffer.stage} returned for is kept, whatever happens to
 * the process, as long as the file is; and each batch is in one group only, for ever.
 *
 * Without room on its disk it takes no more, and is emptied with the help of a reserve. A damaged file is set
 * aside, and a new one begun with what of it can be read.
 */
export class StagingBuffer implements AsyncDisposable {
  /** Is called after each batch that was staged. */
  onStaged: () => void = () => {};
  /** Is called with how many staged batches are lost, and why: damage, or too many in quarantine. */
  onLost: (batches: number) => void = () => {};
  readonly capacity: number;
  readonly capacityBytes: number;
  readonly #store: Store;
  readonly #options: Required<BufferOptions>;
  readonly #logger = getLogger(["aperture", "buffer"]);
  readonly #heads = new Map<number, Head>();
  readonly #quarantine = new Map<number, Quarantined>();
  #aggregator = "";
  #groups: GroupRecord[] = [];
  #nextId = 1;
  /** Sums the bytes of heads. */
  #bytes = 0;
  /** Counts what is being staged, so that the capacity holds for concurrent pushes. */
  #arriving = { batches: 0, bytes: 0 };
  /** Lists chunks that could not be removed. */
  #leftovers: { id: number; chunks: number }[] = [];
  #failure: unknown;
  #mending: Promise<void> | undefined;

  private constructor(store: Store, options: Required<BufferOptions>) {
    this.#store = store;
    this.#options = options;
    this.capacity = options.capacity;
    this.capacityBytes = options.capacityBytes;
  }

  /**
   * Opens the buffer and finishes what was broken off when it was last used.
   *
   * @throws {BufferOpenError} when the file cannot be used, or another process uses it
   */
  static async open(options: BufferOptions = {}): Promise<StagingBuffer> {
    const all = {
      path: ":memory:",
      capacity: 10_000,
      capacityBytes: 256 * 2 ** 20,
      rememberMs: 7 * 86_400_000,
      maxQuarantined: 100,
      version: VERSION,
      clock: Date.now,
      ...options,
    };
    const store = await Store.open(all.path);
    const buffer = new StagingBuffer(store, all);
    try {
      try {
        await buffer.#load();
      } catch (error) {
        if (!store.known || !isDamaged(error)) throw error;
        await buffer.#mend(error);
      }
      store.keepReserve();
    } catch (error) {
      throw await store.fail(error);
    }
    return buffer;
  }

  /** Names this buffer among all aggregators'. */
  get aggregatorId(): string {
    return this.#aggregator;
  }

  /** Counts the batches that are held, with those being staged. */
  get batches(): number {
    return this.#heads.size + this.#arriving.batches;
  }

  /** Counts the batches that are held and acknowledged, but for those in quarantine. */
  get staged(): number {
    return this.#heads.size;
  }

  /** Sums the bytes of all that is held, with what is being staged. */
  get bytes(): number {
    return this.#bytes + this.#arriving.bytes;
  }

  /** Counts the samples in batches that are not yet in storage. */
  get samples(): number {
    return this.#heads.values().reduce((sum, { samples }) => sum + samples, 0);
  }

  /** Says, in Unix ms, when the oldest batch was staged that is not yet in storage; `undefined` where there is none. */
  get oldestMs(): number | undefined {
    return this.#heads.values().next().value?.receivedMs;
  }

  /** Is true when the buffer is nearly full. */
  get backpressure(): boolean {
    return this.batches >= BACKPRESSURE * this.capacity || this.bytes >= BACKPRESSURE * this.capacityBytes;
  }

  /** Says why the last write failed; `undefined` when it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Returns what storage refused for what is in it, the oldest first. */
  get quarantined(): Quarantined[] {
    return [...this.#quarantine.values()];
  }

  /**
   * Keeps a batch; it is on disk, where there is one, when this resolves.
   *
   * A batch whose (agent, epoch, sequence) was staged before is not staged again, so that an agent may send a
   * batch again whose acknowledgement was lost.
   *
   * @throws {BufferFullError} when there is no room; nothing is kept
   * @throws {Error} when it cannot be written; nothing is kept
   */
  async stage(bytes: Uint8Array, meta: BatchMeta): Promise<"staged" | "duplicate"> {
    try {
      if (!this.#store.keepReserve()) {
        throw new Error("there is no room on its disk for more than what is needed to empty it");
      }
      const result = await this.#guard(() => this.#stage(bytes, meta));
      this.#failure = undefined;
      return result;
    } catch (error) {
      if (!(error instanceof BufferFullError)) this.#failure = error;
      throw error;
    }
  }

  /** Returns the staged batches, oldest first. */
  list({ agentId = "", limit = Infinity }: { agentId?: string; limit?: number } = {}): Head[] {
    return this.#heads.values().filter((head) => agentId === "" || head.agentId === agentId).take(limit)
      .toArray();
  }

  /**
   * Returns the batches to write to storage next: the same ones, under the same token, until {@linkcode complete}, even
   * if the process ends in between. `undefined` when there are none.
   *
   * @param maxBatches @default {500}
   * @param maxBytes the group is at least one batch, however large. @default {33554432}
   * @param maxExpanded of what they take when they are written out. @default {134217728}
   */
  async takeGroup(
    { maxBatches = 500, maxBytes = 2 ** 25, maxExpanded = 2 ** 27 }: {
      maxBatches?: number;
      maxBytes?: number;
      maxExpanded?: number;
    } = {},
  ): Promise<StagedGroup | undefined> {
    return await this.#guard(async () => {
      if (this.#groups[0]?.done) await this.#finish(this.#groups[0]);
      // What was put off comes behind the others.
      if ((this.#groups[0]?.tries ?? 1) > 0) await this.#makeGroup({ maxBatches, maxBytes, maxExpanded });
      const [group] = this.#groups;
      if (!group) return undefined;
      const { token, ids, skip, tries } = group;
      // One that a damaged file lost is known to be lost.
      const heads = ids.map((id) => this.#heads.get(id)).filter((head) => head !== undefined);
      const batches = await Promise.all(
        heads.map(async (head) => ({ head, bytes: await readChunks(this.#store.kv, head) })),
      );
      return { token, batches, skip, tries, size: ids.length };
    });
  }

  /** Forgets the batches of `group`: they are in storage. */
  async complete({ token }: Pick<StagedGroup, "token">): Promise<void> {
    const group = this.#current(token, "complete");
    // Kept in memory at once: should a commit fail, what is left must not be handed out again.
    this.#groups[0] = { ...group, done: true };
    await this.#guard(() => this.#finish(group));
    if (!this.#store.keepReserve() && this.#heads.size === 0 && this.#arriving.batches === 0) {
      const { rememberMs } = this.#options;
      const prefixes = [["aggregator"], ["seen"], ["quarantine"]];
      await this.#guard(() => this.#store.rebuild(prefixes, (key) => lifetimeOf(key, rememberMs)));
      // Their chunks are gone with the old file.
      for (const id of this.#quarantine.keys()) await this.#forgetQuarantined(id);
      this.#store.keepReserve();
    }
  }

  /**
   * Halves a group that storage refused; the halves are handed out one after the other.
   *
   * @param skip parts of storage that have all of the group already, and are left out for its halves
   */
  async halve({ token }: Pick<StagedGroup, "token">, { skip }: { skip: readonly string[] }): Promise<void> {
    const group = this.#current(token, "halve");
    const middle = group.ids.length >> 1;
    const half = (from: number, to: number, name: string): GroupRecord => ({
      token: `${token}/${name}`,
      skip: [...new Set([...group.skip, ...skip])],
      ids: group.ids.slice(from, to),
      chunks: group.chunks.slice(from, to),
      tries: 0,
      done: false,
    });
    const groups = [half(0, middle, "a"), half(middle, group.ids.length, "b"), ...this.#groups.slice(1)];
    await this.#guard(() => this.#saveGroups(groups));
  }

  /** Puts a group behind all others, those that are yet to come as well. */
  async postpone({ token }: Pick<StagedGroup, "token">): Promise<void> {
    const group = this.#current(token, "put off");
    const groups = [...this.#groups.slice(1), { ...group, tries: group.tries + 1 }];
    await this.#guard(() => this.#saveGroups(groups));
  }

  /**
   * Sets the only batch of `group` aside, as storage refuses it for what is in it. It is tried again by the next
   * version. When there are too many, the oldest is lost.
   */
  async quarantine({ token }: Pick<StagedGroup, "token">, error: string): Promise<void> {
    const group = this.#current(token, "set aside");
    const head = this.#heads.get(group.ids[0]!);
    if (!head || group.ids.length !== 1) {
      throw new Error(`Cannot set aside the group '${token}' as it is not of one batch`);
    }
    const { clock, version } = this.#options;
    const quarantined = { head, error: error.slice(0, 1000), sinceMs: clock(), version };
    const groups = this.#groups.slice(1);
    await this.#guard(async () => {
      await this.#withReserve(() => {
        return this.#store.kv.atomic().delete(["head", head.id]).set(["quarantine", head.id], quarantined)
          .set(["groups"], groups).commit();
      });
      this.#groups = groups;
      this.#removeHead(head);
      this.#quarantine.set(head.id, quarantined);
      await this.#boundQuarantine();
    });
  }

  /** Copies all that is held into the empty store `to`. */
  async copyTo(to: Deno.Kv): Promise<void> {
    await copyEntries(this.#store.kv, to, this.#options.rememberMs);
  }

  /** Takes over all that `from` holds, into an empty buffer. */
  async copyFrom(from: Deno.Kv): Promise<void> {
    await copyEntries(from, this.#store.kv, this.#options.rememberMs);
    await this.#load();
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  /** Runs `access`: once more with the reserve when the disk is full; a file that is damaged is mended. */
  async #guard<T>(access: () => Promise<T>): Promise<T> {
    await this.#mending;
    try {
      return await access();
    } catch (error) {
      if (isDamaged(error)) {
        await (this.#mending ??= this.#mend(error).finally(() => this.#mending = undefined));
      }
      throw error;
    }
  }

  /** Runs what empties the buffer, with the reserve's room where the disk is full. */
  async #withReserve(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isFull(error) || !this.#store.releaseReserve()) throw error;
      await write();
    }
  }

  async #mend(cause: unknown): Promise<void> {
    const before = this.#heads.size;
    const known = new Set(this.#heads.keys());
    const rows = await this.#store.replace();
    await this.#load();
    for (const id of this.#heads.keys()) known.delete(id);
    this.#logger.error(
      "The buffer's file is damaged, and was replaced: {kept} of {before} batches were kept",
      {
        kept: this.#heads.size,
        before: before === 0 ? "an unknown number of" : before,
        file: `${this.#store.path}.damaged`,
        rows,
        cause: cause instanceof Error ? cause.message : String(cause),
      },
    );
    if (known.size > 0) this.onLost(known.size);
  }

  async #load(): Promise<void> {
    const { kv } = this.#store;
    const { value: aggregator } = await kv.get<string>(["aggregator"]);
    this.#aggregator = aggregator ?? (this.#aggregator || crypto.randomUUID());
    if (!aggregator) await kv.set(["aggregator"], this.#aggregator);
    for await (const { key, value } of kv.list<number>({ prefix: ["part"] })) {
      await deleteAll(kv, chunkKeys(key[1] as number, value), { marker: key });
    }
    const groups = (await kv.get<GroupRecord[]>(["groups"])).value ?? [];
    const done = groups[0]?.done ? groups[0] : undefined;
    if (done) await this.#remove(done, groups.slice(1));
    this.#groups = done ? groups.slice(1) : groups;
    this.#heads.clear();
    this.#quarantine.clear();
    this.#bytes = 0;
    const count = (id: number) => this.#nextId = Math.max(this.#nextId, id + 1);
    for await (const { value: head } of kv.list<Head>({ prefix: ["head"] })) {
      this.#addHead(head);
      count(head.id);
    }
    for await (const { value } of kv.list<Quarantined>({ prefix: ["quarantine"] })) {
      count(value.head.id);
      await this.#admitQuarantined(value);
    }
  }

  /** Lets this version try once what another could not write. */
  async #admitQuarantined(quarantined: Quarantined): Promise<void> {
    const { version } = this.#options;
    const { id } = quarantined.head;
    if (quarantined.version === version) {
      this.#quarantine.set(id, quarantined);
      return;
    }
    const head = { ...quarantined.head, retriedBy: version };
    await this.#store.kv.atomic().delete(["quarantine", id]).set(["head", id], head).commit();
    this.#addHead(head);
  }

  #addHead(head: Head): void {
    if (!this.#heads.has(head.id)) this.#bytes += head.size;
    this.#heads.set(head.id, head);
  }

  #removeHead(head: Head): void {
    if (this.#heads.delete(head.id)) this.#bytes -= head.size;
  }

  async #stage(bytes: Uint8Array, meta: BatchMeta): Promise<"staged" | "duplicate"> {
    const { kv } = this.#store;
    const known = await remembered(kv, meta);
    if (wasKept(known, meta)) return "duplicate";
    using _room = this.#reserve(bytes.length);
    const { clock, rememberMs } = this.#options;
    const checksum = crc32(bytes);
    const head: Head = { ...meta, id: this.#nextId++, size: bytes.length, checksum, receivedMs: clock() };
    const onLeft = (chunks: number) => this.#leftovers.push({ id: head.id, chunks });
    if (!await putBatch(kv, { head, bytes, known }, { rememberMs, onLeft })) return "duplicate";
    this.#addHead(head);
    this.onStaged();
    return "staged";
  }

  #reserve(size: number): Disposable {
    if (this.batches + 1 > this.capacity) {
      throw new BufferFullError(
        `Cannot stage a batch as the buffer is full: it holds ${this.batches} batches`,
      );
    }
    if (this.bytes + size > this.capacityBytes) {
      throw new BufferFullError(
        `Cannot stage a batch of ${size} bytes as the buffer is full: ` +
          `it holds ${this.bytes} of ${this.capacityBytes} bytes`,
      );
    }
    this.#arriving.batches++;
    this.#arriving.bytes += size;
    return {
      [Symbol.dispose]: () => {
        this.#arriving.batches--;
        this.#arriving.bytes -= size;
      },
    };
  }

  async #makeGroup(
    max: { readonly maxBatches: number; readonly maxBytes: number; readonly maxExpanded: number },
  ): Promise<void> {
    const heads: Head[] = [];
    const taken = new Set(this.#groups.flatMap(({ ids }) => ids));
    let [bytes, expanded] = [0, 0];
    for (const head of this.#heads.values()) {
      if (taken.has(head.id)) continue;
      bytes += head.size;
      expanded += head.expanded;
      const tooMuch = heads.length >= max.maxBatches || bytes > max.maxBytes || expanded > max.maxExpanded;
      if (heads.length > 0 && tooMuch) break;
      heads.push(head);
    }
    if (heads.length === 0) return;
    const group = {
      token: `${this.#aggregator}/${crypto.randomUUID()}`,
      skip: [],
      ids: heads.map(({ id }) => id),
      chunks: heads.map(({ size }) => chunkCount(size)),
      tries: 0,
      done: false,
    };
    await this.#saveGroups([group, ...this.#groups]);
  }

  async #saveGroups(groups: GroupRecord[]): Promise<void> {
    await this.#withReserve(() => this.#store.kv.set(["groups"], groups));
    this.#groups = groups;
  }

  #current(token: string, what: string): GroupRecord {
    const [group] = this.#groups;
    if (group?.token !== token) throw new Error(`Cannot ${what} the group '${token}': it was not taken`);
    return group;
  }

  async #finish(group: GroupRecord): Promise<void> {
    const rest = this.#groups.slice(1);
    await this.#withReserve(() => this.#remove(group, rest));
    for (const id of group.ids) {
      const head = this.#heads.get(id);
      if (head) this.#removeHead(head);
    }
    this.#groups = rest;
    for (const { id, chunks } of this.#leftovers.splice(0)) {
      await removeParts(this.#store.kv, { id, chunks }, () => this.#leftovers.push({ id, chunks }));
    }
  }

  /**
   * Removes it in one commit where that is possible; else it is marked first, so that a crash does not bring it back.
   */
  async #remove(group: GroupRecord, rest: readonly GroupRecord[]): Promise<void> {
    const { kv } = this.#store;
    const keys = group.ids.flatMap((id, i) => [["head", id], ...chunkKeys(id, group.chunks[i]!)]);
    if (keys.length + 1 > MUTATIONS_PER_COMMIT && !group.done) {
      await kv.set(["groups"], [{ ...group, done: true }, ...rest]);
    }
    await deleteAll(kv, keys, { marker: ["groups"], value: rest.length > 0 ? rest : undefined });
  }

  async #boundQuarantine(): Promise<void> {
    const { maxQuarantined, capacityBytes } = this.#options;
    const bytes = () => this.#quarantine.values().reduce((sum, { head }) => sum + head.size, 0);
    while (this.#quarantine.size > maxQuarantined || bytes() > QUARANTINE_SHARE * capacityBytes) {
      const [id] = this.#quarantine.keys();
      await this.#forgetQuarantined(id!);
    }
  }

  async #forgetQuarantined(id: number): Promise<void> {
    const { head } = this.#quarantine.get(id)!;
    await deleteAll(this.#store.kv, chunkKeys(id, chunkCount(head.size)), { marker: ["quarantine", id] });
    this.#quarantine.delete(id);
    this.onLost(1);
  }
}

async function copyEntries(from: Deno.Kv, to: Deno.Kv, rememberMs: number): Promise<void> {
  for await (const { key, value } of from.list({ prefix: [] }, { batchSize: 13 })) {
    await to.set(key, value, lifetimeOf(key, rememberMs));
  }
}
