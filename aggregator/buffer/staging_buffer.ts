// SPDX-License-Identifier: Apache-2.0
/**
 * Holds batches that were acknowledged and are not yet in storage, in Deno KV.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { crc32 } from "node:zlib";
import { VERSION } from "../../common/main.ts";
import { Commits } from "./commits.ts";
import { CHUNK_BYTES, chunkKeys, CHUNKS_PER_COMMIT, deleteAll, readChunks } from "./chunks.ts";
import {
  type BatchMeta,
  copyEntries,
  type GroupRecord,
  type Head,
  lifetimeOf,
  type Quarantined,
  type StagedGroup,
} from "./entry.ts";
import { Groups } from "./groups.ts";
import { BufferFullError, Held } from "./held.ts";
import { putBatch, removeParts, wasKept, writeParts } from "./put_batch.ts";
import { Quarantine } from "./quarantine.ts";
import { RecentAgents } from "./recent_agents.ts";
import { isDamaged, Store } from "./store.ts";

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

/** This share of the capacity in bytes may be in quarantine. */
const QUARANTINE_SHARE = 0.1;

/** No batch has this id. */
const TRIAL_ID = 0;

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
  readonly #store: Store;
  readonly #options: Required<BufferOptions>;
  readonly #logger = getLogger(["aperture", "buffer"]);
  readonly #held: Held;
  readonly #quarantine: Quarantine;
  readonly #commits = new Commits();
  readonly #agents = new RecentAgents(this.#commits);
  #aggregator = "";
  readonly #groups: Groups;
  #nextId = 1;
  /** Lists chunks that could not be removed. */
  #leftovers: { id: number; chunks: number }[] = [];
  #failure: unknown;
  #mending: Promise<void> | undefined;

  private constructor(store: Store, options: Required<BufferOptions>) {
    this.#store = store;
    this.#options = options;
    this.#groups = new Groups(store);
    this.#held = new Held(options);
    this.#quarantine = new Quarantine(store, {
      maxBatches: options.maxQuarantined,
      maxBytes: QUARANTINE_SHARE * options.capacityBytes,
      onLost: () => this.onLost(1),
    });
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

  /** Is in batches. */
  get capacity(): number {
    return this.#held.capacity;
  }

  get capacityBytes(): number {
    return this.#held.capacityBytes;
  }

  /** Counts the batches that are held, with those being staged. */
  get batches(): number {
    return this.#held.batches;
  }

  /** Counts the batches that are held and acknowledged, but for those in quarantine. */
  get staged(): number {
    return this.#held.size;
  }

  /** Tells whether there are groups that were made and are not in storage. */
  get hasGroups(): boolean {
    return this.#groups.first !== undefined;
  }

  /** Sums the bytes of all that is held, with what is being staged. */
  get bytes(): number {
    return this.#held.bytes;
  }

  /** Counts the samples in batches that are not yet in storage. */
  get samples(): number {
    return this.#held.heads().reduce((sum, { samples }) => sum + samples, 0);
  }

  /** Says, in Unix ms, when the oldest batch was staged that is not yet in storage; `undefined` where there is none. */
  get oldestMs(): number | undefined {
    return this.#held.heads().next().value?.receivedMs;
  }

  /** Is true when the buffer is nearly full. */
  get backpressure(): boolean {
    return this.#held.isTight;
  }

  /** Says why the last write failed; `undefined` when it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Returns what storage refused for what is in it, the oldest first. */
  get quarantined(): Quarantined[] {
    return this.#quarantine.list();
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
    return await this.#writing(() => this.#stage(bytes, meta));
  }

  /**
   * Tries whether it can be written again after that failed. Who asks whether it takes batches would else hear of the
   * failure until the next one comes, and none comes where only who is ready is sent any.
   */
  async recheck(): Promise<void> {
    if (this.#failure === undefined) return;
    // As what a crash broke off, which the next start removes.
    const left = { id: TRIAL_ID, chunks: CHUNKS_PER_COMMIT };
    const bytes = new Uint8Array(CHUNKS_PER_COMMIT * CHUNK_BYTES);
    await this.#writing(async () => {
      const { kv } = this.#store;
      await writeParts(kv, { id: TRIAL_ID, bytes, parts: CHUNKS_PER_COMMIT });
      await removeParts(kv, left, () => this.#leftovers.push(left));
    }).catch(() => {});
  }

  /** Returns the staged batches, oldest first. */
  list({ agentId = "", limit = Infinity }: { agentId?: string; limit?: number } = {}): Head[] {
    return this.#held.heads().filter((head) => agentId === "" || head.agentId === agentId).take(limit)
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
      const before = this.#groups.first;
      if (before?.done) await this.#finish(before);
      // What was put off comes behind the others.
      if ((this.#groups.first?.tries ?? 1) > 0) {
        await this.#groups.make(this.#held.heads(), { maxBatches, maxBytes, maxExpanded }, this.#aggregator);
      }
      const group = this.#groups.first;
      if (!group) return undefined;
      const { token, ids, skip, tries } = group;
      // One that a damaged file lost is known to be lost.
      const heads = ids.map((id) => this.#held.get(id)).filter((head) => head !== undefined);
      const batches: StagedGroup["batches"][number][] = [];
      // One after the other: the store does what it is asked in turn, and pushes would wait until all are read.
      for (const head of heads) {
        const bytes = this.#held.takeReady(head.id) ?? await readChunks(this.#store.kv, head);
        batches.push({ head, bytes });
      }
      return { token, batches, skip, tries, size: ids.length };
    });
  }

  /** Forgets the batches of `group`: they are in storage. */
  async complete({ token }: Pick<StagedGroup, "token">): Promise<void> {
    const group = this.#groups.current(token, "complete");
    this.#groups.markDone(group);
    await this.#guard(() => this.#finish(group));
    if (!this.#store.keepReserve() && this.#held.isEmpty) {
      const { rememberMs } = this.#options;
      const prefixes = [["aggregator"], ["seen"], ["quarantine"]];
      await this.#guard(() => this.#store.rebuild(prefixes, (key) => lifetimeOf(key, rememberMs)));
      this.#agents.clear();
      // Their chunks are gone with the old file.
      await this.#quarantine.loseAll();
      this.#store.keepReserve();
    }
  }

  /**
   * Halves a group that storage refused; the halves are handed out one after the other.
   *
   * @param skip parts of storage that have all of the group already, and are left out for its halves
   */
  async halve({ token }: Pick<StagedGroup, "token">, { skip }: { skip: readonly string[] }): Promise<void> {
    const group = this.#groups.current(token, "halve");
    await this.#guard(() => this.#groups.halve(group, skip));
  }

  /** Puts a group behind all others, those that are yet to come as well. */
  async postpone({ token }: Pick<StagedGroup, "token">): Promise<void> {
    const group = this.#groups.current(token, "put off");
    await this.#guard(() => this.#groups.postpone(group));
  }

  /**
   * Sets the only batch of `group` aside, as storage refuses it for what is in it. It is tried again by the next
   * version. When there are too many, the oldest is lost.
   */
  async quarantine({ token }: Pick<StagedGroup, "token">, error: string): Promise<void> {
    const group = this.#groups.current(token, "set aside");
    const head = this.#held.get(group.ids[0]!);
    if (!head || group.ids.length !== 1) {
      throw new Error(`Cannot set aside the group '${token}' as it is not of one batch`);
    }
    const { clock, version } = this.#options;
    const quarantined = { head, error: error.slice(0, 1000), sinceMs: clock(), version };
    await this.#guard(async () => {
      await this.#groups.drop((kv) => {
        return kv.atomic().delete(["head", head.id]).set(["quarantine", head.id], quarantined);
      });
      this.#held.remove(head.id);
      this.#quarantine.add(quarantined);
      await this.#quarantine.bound();
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

  /** Runs what takes room on the disk, and remembers why that failed. */
  async #writing<T>(write: () => Promise<T>): Promise<T> {
    try {
      if (!this.#store.keepReserve()) {
        throw new Error("there is no room on its disk for more than what is needed to empty it");
      }
      const result = await this.#guard(write);
      this.#failure = undefined;
      return result;
    } catch (error) {
      if (!(error instanceof BufferFullError)) this.#failure = error;
      throw error;
    }
  }

  /** Runs `access`; a file that is damaged is mended then. */
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

  async #mend(cause: unknown): Promise<void> {
    const before = this.#held.size;
    const known = new Set(this.#held.heads().map(({ id }) => id));
    // They are in storage, whatever became of them here.
    if (this.#groups.first?.done) { for (const id of this.#groups.first.ids) known.delete(id); }
    const rows = await this.#store.replace();
    await this.#load();
    for (const { id } of this.#held.heads()) known.delete(id);
    this.#logger.error(
      "The buffer's file is damaged, and was replaced: {kept} of {before} batches were kept",
      {
        kept: this.#held.size,
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
    await this.#groups.load();
    this.#held.clear();
    this.#quarantine.clear();
    this.#agents.clear();
    const count = (id: number) => this.#nextId = Math.max(this.#nextId, id + 1);
    for await (const { value: head } of kv.list<Head>({ prefix: ["head"] })) {
      this.#held.add(head);
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
      this.#quarantine.add(quarantined);
      return;
    }
    const head = { ...quarantined.head, retriedBy: version };
    await this.#store.kv.atomic().delete(["quarantine", id]).set(["head", id], head).commit();
    this.#held.add(head);
  }

  async #stage(bytes: Uint8Array, meta: BatchMeta): Promise<"staged" | "duplicate"> {
    const { kv } = this.#store;
    const known = await this.#agents.remembered(kv, meta);
    if (wasKept(known, meta)) return "duplicate";
    using _room = this.#held.reserve(bytes.length);
    const { clock, rememberMs } = this.#options;
    const checksum = crc32(bytes);
    const head: Head = { ...meta, id: this.#nextId++, size: bytes.length, checksum, receivedMs: clock() };
    const written = await putBatch(kv, { head, bytes, known }, {
      ...{ commits: this.#commits, rememberMs },
      onLeft: (chunks) => this.#leftovers.push({ id: head.id, chunks }),
    });
    if (!written) return "duplicate";
    this.#agents.hold(meta, written);
    this.#held.addReady(head, bytes);
    this.onStaged();
    return "staged";
  }

  async #finish(group: GroupRecord): Promise<void> {
    await this.#groups.remove(group);
    for (const id of group.ids) this.#held.remove(id);
    for (const { id, chunks } of this.#leftovers.splice(0)) {
      await removeParts(this.#store.kv, { id, chunks }, () => this.#leftovers.push({ id, chunks }));
    }
  }
}
