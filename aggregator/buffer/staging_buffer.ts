/**
 * Batches that were acknowledged and are not yet in storage, in Deno KV.
 *
 * Keys:
 *
 * - `["aggregator"]`: this buffer's name, for ever;
 * - `["chunk", id, i]`: 60 KiB of a batch's bytes;
 * - `["head", id]`: a {@linkcode Head}; written last, it makes the batch visible;
 * - `["part", id]`: how many chunks a batch has that is not yet visible and needs several commits;
 * - `["seen", agentId, epoch]`: the sequences that were acknowledged, written with the head;
 * - `["group"]`: the batches that are being written to storage, and whether they are there.
 *
 * @module
 */

import { addSequence, hasSequence, type Sequences } from "./sequences.ts";
import {
  chunkCount,
  chunkKeys,
  CHUNKS_PER_COMMIT,
  deleteAll,
  MUTATIONS_PER_COMMIT,
  readChunks,
  setChunks,
} from "./chunks.ts";
import { openStore, type Store } from "./store.ts";

/** What is known of a batch without decoding it. */
export interface BatchMeta {
  readonly agentId: string;
  readonly epoch: bigint;
  readonly sequence: number;
  readonly node: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly samples: number;
}

/** A staged batch. */
export interface Head extends BatchMeta {
  readonly id: number;
  readonly size: number;
  /** Unix ms at which it was staged. */
  readonly receivedMs: number;
}

export interface StagedBatch {
  readonly head: Head;
  /** The `PushRequest`; empty when the buffer's file was damaged. */
  readonly bytes: Uint8Array;
}

/** Batches to write to storage at once. */
export interface StagedGroup {
  /** Names the group for ever and everywhere: what was written under it is not to be written again. */
  readonly token: string;
  readonly batches: readonly StagedBatch[];
}

interface GroupRecord {
  readonly token: string;
  readonly ids: readonly number[];
  readonly chunks: readonly number[];
  /** It is in storage; what is left of it can go. */
  readonly done: boolean;
}

export interface BufferOptions {
  /** A file, which is made if need be, or ":memory:". @default {":memory:"} */
  path?: string;
  /** In batches. @default {10000} */
  capacity?: number;
  /** @default {268435456} */
  capacityBytes?: number;
  /** How long acknowledged sequences are remembered, in ms. @default {604800000} */
  rememberMs?: number;
  /** Unix ms. @default {Date.now} */
  clock?: () => number;
}

/** The buffer has no room; the batch stays with the agent. */
export class BufferFullError extends Error {
  override name = "BufferFullError";
}

/** From this share of its capacity on the buffer asks agents to send less. */
const BACKPRESSURE = 0.8;

/**
 * The aggregator's staging buffer. What {@linkcode StagingBuffer.stage} returned for is kept, whatever happens
 * to the process, as long as the file is; and each batch is in one group only, for ever.
 */
export class StagingBuffer implements AsyncDisposable {
  /** Called after each batch that was staged. */
  onStaged: () => void = () => {};
  readonly capacity: number;
  readonly capacityBytes: number;
  readonly #store: Store;
  readonly #rememberMs: number;
  readonly #clock: () => number;
  readonly #heads = new Map<number, Head>();
  #aggregator = "";
  #group: GroupRecord | undefined;
  #nextId = 1;
  /** With what is being staged, so that the capacity holds for concurrent pushes. */
  #batches = 0;
  #bytes = 0;
  #failure: unknown;

  private constructor(store: Store, { capacity, capacityBytes, rememberMs, clock }: Required<BufferOptions>) {
    this.#store = store;
    this.capacity = capacity;
    this.capacityBytes = capacityBytes;
    this.#rememberMs = rememberMs;
    this.#clock = clock;
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
      clock: Date.now,
      ...options,
    };
    const store = await openStore(all.path);
    const buffer = new StagingBuffer(store, all);
    await store.first(() => buffer.#load());
    return buffer;
  }

  /** Names this buffer among all aggregators'. */
  get aggregatorId(): string {
    return this.#aggregator;
  }

  /** How many batches are held, with those being staged. */
  get batches(): number {
    return this.#batches;
  }

  /** How many batches are held and acknowledged. */
  get staged(): number {
    return this.#heads.size;
  }

  /** Of all that is held, with what is being staged. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Samples in batches that are not yet in storage. */
  get samples(): number {
    return this.#heads.values().reduce((sum, { samples }) => sum + samples, 0);
  }

  /** Whether the buffer is nearly full. */
  get backpressure(): boolean {
    return this.#batches >= BACKPRESSURE * this.capacity || this.#bytes >= BACKPRESSURE * this.capacityBytes;
  }

  /** Why the last write failed; `undefined` when it did not. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Keeps a batch; it is on disk, where there is one, when this resolves.
   *
   * A batch whose (agent, epoch, sequence) was staged before is not staged again, so that an agent may send a
   * batch again whose acknowledgement was lost.
   *
   * @throws {BufferFullError} when there is no room; nothing is kept
   */
  async stage(bytes: Uint8Array, meta: BatchMeta): Promise<"staged" | "duplicate"> {
    try {
      const result = await this.#stage(bytes, meta);
      this.#failure = undefined;
      return result;
    } catch (error) {
      if (!(error instanceof BufferFullError)) this.#failure = error;
      throw error;
    }
  }

  /** The staged batches, oldest first. */
  list({ agentId = "", limit = Infinity }: { agentId?: string; limit?: number } = {}): Head[] {
    return this.#heads.values().filter((head) => agentId === "" || head.agentId === agentId).take(limit)
      .toArray();
  }

  /**
   * The batches to write to storage next: the same ones, under the same token, until {@linkcode complete}, even
   * if the process ends in between. `undefined` when there are none.
   *
   * @param maxBatches @default {500}
   * @param maxBytes the group is at least one batch, however large. @default {33554432}
   */
  async takeGroup(
    { maxBatches = 500, maxBytes = 2 ** 25 }: { maxBatches?: number; maxBytes?: number } = {},
  ): Promise<StagedGroup | undefined> {
    if (this.#group?.done) await this.#finish(this.#group);
    this.#group ??= await this.#makeGroup(maxBatches, maxBytes);
    if (!this.#group) return undefined;
    const { token, ids } = this.#group;
    const batches = await Promise.all(ids.map(async (id) => {
      const head = this.#heads.get(id)!;
      return { head, bytes: await readChunks(this.#store.kv, head) };
    }));
    return { token, batches };
  }

  /** Forgets the batches of `group`: they are in storage. */
  async complete({ token }: Pick<StagedGroup, "token">): Promise<void> {
    const group = this.#group;
    if (group?.token !== token) throw new Error(`Cannot complete the group '${token}': it was not taken`);
    // Kept in memory at once: should a commit fail, what is left must not be handed out again.
    this.#group = { ...group, done: true };
    await this.#finish(group);
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  async #load(): Promise<void> {
    const { kv } = this.#store;
    const { value: aggregator } = await kv.get<string>(["aggregator"]);
    this.#aggregator = aggregator ?? crypto.randomUUID();
    if (!aggregator) await kv.set(["aggregator"], this.#aggregator);
    for await (const { key, value } of kv.list<number>({ prefix: ["part"] })) {
      await deleteAll(kv, chunkKeys(key[1] as number, value), key);
    }
    const { value: group } = await kv.get<GroupRecord>(["group"]);
    if (group?.done) await this.#remove(group);
    else this.#group = group ?? undefined;
    for await (const { value: head } of kv.list<Head>({ prefix: ["head"] })) {
      this.#heads.set(head.id, head);
      this.#batches++;
      this.#bytes += head.size;
      this.#nextId = head.id + 1;
    }
  }

  async #stage(bytes: Uint8Array, meta: BatchMeta): Promise<"staged" | "duplicate"> {
    const key = ["seen", meta.agentId, meta.epoch];
    let seen = await this.#store.kv.get<Sequences>(key);
    if (hasSequence(seen.value ?? [], meta.sequence)) return "duplicate";
    this.#reserve(bytes.length);
    const id = this.#nextId++;
    const head: Head = { ...meta, id, size: bytes.length, receivedMs: this.#clock() };
    let kept = false;
    try {
      const first = await this.#writeParts(id, bytes);
      while (!kept && !hasSequence(seen.value ?? [], meta.sequence)) {
        kept = await this.#writeHead(head, bytes, { first, seen });
        // Else another batch of this agent was staged meanwhile; it may have been this one.
        if (!kept) seen = await this.#store.kv.get<Sequences>(key);
      }
      if (!kept) await this.#removeParts(id, first);
    } finally {
      if (!kept) this.#release(1, bytes.length);
    }
    if (!kept) return "duplicate";
    this.#heads.set(id, head);
    this.onStaged();
    return "staged";
  }

  #reserve(size: number): void {
    if (this.#batches + 1 > this.capacity) {
      throw new BufferFullError(
        `Cannot stage a batch as the buffer is full: it holds ${this.#batches} batches`,
      );
    }
    if (this.#bytes + size > this.capacityBytes) {
      throw new BufferFullError(
        `Cannot stage a batch of ${size} bytes as the buffer is full: ` +
          `it holds ${this.#bytes} of ${this.capacityBytes} bytes`,
      );
    }
    this.#batches++;
    this.#bytes += size;
  }

  #release(batches: number, bytes: number): void {
    this.#batches -= batches;
    this.#bytes -= bytes;
  }

  /** Writes what does not fit into the head's commit; returns the first chunk that does. */
  async #writeParts(id: number, bytes: Uint8Array): Promise<number> {
    const chunks = chunkCount(bytes.length);
    const first = Math.max(0, Math.ceil(chunks / CHUNKS_PER_COMMIT) - 1) * CHUNKS_PER_COMMIT;
    for (let from = 0; from < first; from += CHUNKS_PER_COMMIT) {
      const commit = this.#store.kv.atomic();
      if (from === 0) commit.set(["part", id], chunks);
      setChunks(commit, { id, bytes, from, to: from + CHUNKS_PER_COMMIT });
      await commit.commit();
    }
    return first;
  }

  /** Makes the batch visible; false when its agent's sequences are not `seen` any more. */
  async #writeHead(
    head: Head,
    bytes: Uint8Array,
    { first, seen }: { first: number; seen: Deno.KvEntryMaybe<Sequences> },
  ): Promise<boolean> {
    const { id, sequence } = head;
    const commit = this.#store.kv.atomic()
      .check(seen)
      .set(seen.key, addSequence(seen.value ?? [], sequence), { expireIn: this.#rememberMs })
      .set(["head", id], head);
    if (first > 0) commit.delete(["part", id]);
    setChunks(commit, { id, bytes, from: first, to: chunkCount(bytes.length) });
    return (await commit.commit()).ok;
  }

  async #removeParts(id: number, chunks: number): Promise<void> {
    if (chunks > 0) await deleteAll(this.#store.kv, chunkKeys(id, chunks), ["part", id]);
  }

  async #makeGroup(maxBatches: number, maxBytes: number): Promise<GroupRecord | undefined> {
    const heads: Head[] = [];
    let bytes = 0;
    for (const head of this.#heads.values()) {
      if (heads.length > 0 && (heads.length >= maxBatches || bytes + head.size > maxBytes)) break;
      heads.push(head);
      bytes += head.size;
    }
    if (heads.length === 0) return undefined;
    const group: GroupRecord = {
      token: `${this.#aggregator}/${crypto.randomUUID()}`,
      ids: heads.map(({ id }) => id),
      chunks: heads.map(({ size }) => chunkCount(size)),
      done: false,
    };
    await this.#store.kv.set(["group"], group);
    return group;
  }

  async #finish(group: GroupRecord): Promise<void> {
    await this.#remove(group);
    for (const id of group.ids) {
      this.#release(1, this.#heads.get(id)!.size);
      this.#heads.delete(id);
    }
    this.#group = undefined;
  }

  /** In one commit where that is possible; else it is marked first, so that a crash does not bring it back. */
  async #remove(group: GroupRecord): Promise<void> {
    const { kv } = this.#store;
    const keys = group.ids.flatMap((id, i) => [["head", id], ...chunkKeys(id, group.chunks[i]!)]);
    if (keys.length + 1 > MUTATIONS_PER_COMMIT && !group.done) {
      await kv.set(["group"], { ...group, done: true });
    }
    await deleteAll(kv, keys, ["group"]);
  }
}
