// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { batchMeta } from "../../tests/support/staged.ts";
import { Flusher, type FlusherOptions } from "./flusher.ts";
import { type GroupToWrite, RefusedError, type Sink, type StoredBatch } from "./sink.ts";
import type { ReceivedBatch } from "../storage/part.ts";
import type { Group } from "../storage/writer.ts";
import { writeGroup } from "../writing/write_group.ts";
import { StagingBuffer } from "./staging_buffer.ts";

/** A sink that keeps what it is given, and fails as often as it is told. */
class Tables implements Sink {
  readonly groups: { token: string; sequences: number[] }[] = [];
  readonly batches: ReceivedBatch[] = [];
  readonly #writer = { write: (group: Group) => this.take(group) };
  #waiting: { count: number; resolve: () => void }[] = [];

  constructor(public failures = 0) {}

  write(group: GroupToWrite) {
    return writeGroup(this.#writer, group);
  }

  // deno-lint-ignore require-await -- to reject where it fails
  async take({ token, batches }: Group) {
    this.groups.push({ token, sequences: batches.map(({ sequence }) => sequence) });
    for (const { count, resolve } of this.#waiting) if (this.groups.length >= count) resolve();
    if (this.failures-- > 0) throw new Error("connect ECONNREFUSED");
    this.batches.push(...batches);
    return { rows: batches.length * 10 };
  }

  /** Resolves after `count` calls. */
  called(count: number): Promise<void> {
    if (this.groups.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  get sequences(): number[] {
    return this.batches.map(({ sequence }) => sequence);
  }
}

class Counted {
  rows = 0;
  failed = 0;
  drops = 0;
  flushed(rows: number) {
    this.rows += rows;
  }
  flushFailed() {
    this.failed++;
  }
  dropped() {
    this.drops++;
  }
  setAside = 0;
  quarantined() {
    this.setAside++;
  }
  storedSequences: number[] = [];
  stored(batches: readonly StoredBatch[]) {
    this.storedSequences.push(...batches.map(({ sequence }) => sequence));
  }
}

async function setUp(options: Partial<FlusherOptions> & { sink?: Tables; buffer?: StagingBuffer } = {}) {
  const buffer = options.buffer ?? await StagingBuffer.open({ clock: () => 1_767_225_612_345 });
  const sink = options.sink ?? new Tables();
  const metrics = new Counted();
  const flusher = new Flusher({ intervalMs: 5, retryMs: 1, ...options, buffer, sink, metrics });
  const stage = async (...sequences: number[]) => {
    for (const sequence of sequences) {
      await buffer.stage(writeBatch(makeBatch({ sequence })), batchMeta({ sequence }));
    }
  };
  return {
    buffer,
    sink,
    metrics,
    flusher,
    stage,
    [Symbol.asyncDispose]: async () => {
      await flusher.stop({ deadlineMs: 0 });
      await buffer[Symbol.asyncDispose]();
    },
  };
}

Deno.test("Flusher.flushNow() writes what is staged, in groups, with the time of arrival", async () => {
  await using at = await setUp({ maxBatches: 2 });
  await at.stage(1, 2, 3, 4, 5);
  await at.flusher.flushNow();
  assertEquals(at.sink.groups.map(({ sequences }) => sequences), [[1, 2], [3, 4], [5]]);
  assertEquals(new Set(at.sink.groups.map(({ token }) => token)).size, 3);
  assertEquals([at.buffer.batches, at.metrics.rows], [0, 50]);
  const { receivedMs, ...batch } = at.sink.batches[0]!;
  assertEquals([receivedMs, batch.sequence, batch.samples], [1_767_225_612_345, 1, makeBatch().samples]);
});

Deno.test("Flusher lets what comes while it writes wait for others, or for its time", async () => {
  const sink = new Tables();
  await using at = await setUp({ sink, maxBatches: 3, intervalMs: 3_600_000 });
  const write = sink.write.bind(sink);
  sink.write = async (group) => {
    if (sink.groups.length === 0) await at.stage(4);
    return await write(group);
  };
  at.flusher.start();
  await at.stage(1, 2, 3);
  await at.sink.called(1);
  while (at.metrics.storedSequences.length < 3) await delay(1);
  await at.stage(5, 6);
  await at.sink.called(2);
  assertEquals(at.sink.groups.map(({ sequences }) => sequences), [[1, 2, 3], [4, 5, 6]]);
});

Deno.test("Flusher keeps what storage refuses, and writes it under the same token later", async () => {
  await using at = await setUp({ sink: new Tables(3) });
  await at.stage(1, 2);
  at.flusher.start();
  await at.sink.called(2);
  // What comes meanwhile waits for its own group.
  await at.stage(3);
  await at.sink.called(5);
  assertEquals(await at.flusher.stop(), { left: 0 });
  assertEquals(at.sink.groups.slice(0, 4).map(({ sequences }) => sequences), Array(4).fill([1, 2]));
  assertEquals(new Set(at.sink.groups.slice(0, 4).map(({ token }) => token)).size, 1);
  assertEquals([at.sink.sequences, at.metrics.failed], [[1, 2, 3], 3]);
});

Deno.test("Flusher writes a group again under its token when the process ended before it was completed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const open = () => StagingBuffer.open({ path: `${folder}/staging.kv` });
    const sink = new Tables();
    {
      await using at = await setUp({ buffer: await open(), sink });
      await at.stage(1, 2);
      // Written, and then the buffer is gone: as when the process is killed here.
      const write = sink.write.bind(sink);
      sink.write = async (group) => {
        const result = await write(group);
        await at.buffer[Symbol.asyncDispose]();
        return result;
      };
      await assertRejects(() => at.flusher.flushNow());
      sink.write = write;
    }
    await using at = await setUp({ buffer: await open(), sink });
    await at.stage(3);
    await at.flusher.flushNow();
    assertEquals(sink.groups.map(({ sequences }) => sequences), [[1, 2], [1, 2], [3]]);
    assertEquals(sink.groups[0]!.token, sink.groups[1]!.token);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Flusher drops and counts a batch that cannot be read any more", async () => {
  await using at = await setUp();
  await at.stage(1);
  await at.buffer.stage(new TextEncoder().encode("junk"), batchMeta({ sequence: 2 }));
  await at.stage(3);
  // Once, however often the group is tried.
  at.sink.failures = 2;
  for (let i = 0; i < 2; i++) await assertRejects(() => at.flusher.flushNow(), Error, "ECONNREFUSED");
  await at.flusher.flushNow();
  assertEquals([at.sink.sequences, at.metrics.drops, at.buffer.batches], [[1, 3], 1, 0]);
  // A group of nothing else is not written.
  await at.buffer.stage(new Uint8Array(), batchMeta({ sequence: 4 }));
  await at.flusher.flushNow();
  assertEquals([at.sink.groups.length, at.metrics.drops, at.buffer.batches], [3, 2, 0]);
});

Deno.test("Flusher does not wait for its interval when a group's worth is staged", async () => {
  await using at = await setUp({ intervalMs: 3_600_000, maxBatches: 3 });
  at.flusher.start();
  await at.stage(1, 2, 3);
  await at.sink.called(1);
  assertEquals(at.sink.groups[0]!.sequences, [1, 2, 3]);
});

Deno.test("Flusher lets the first batches be staged when a group's worth arrives at once", async () => {
  await using at = await setUp({ intervalMs: 3_600_000, maxBatches: 8 });
  const staging = Array.from({ length: 8 }, (_, i) => at.stage(i + 1));
  at.flusher.start();
  await Promise.all(staging);
  await at.sink.called(1);
  await at.flusher.flushNow();
  assertEquals(at.sink.sequences.sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("Flusher.stop() writes what is left, and says what it could not", async () => {
  await using at = await setUp({ intervalMs: 3_600_000 });
  at.flusher.start();
  await at.stage(1, 2);
  assertEquals(await at.flusher.stop(), { left: 0 });
  assertEquals(at.sink.sequences, [1, 2]);

  await using failing = await setUp({ sink: new Tables(100) });
  failing.flusher.start();
  await failing.stage(1, 2, 3);
  assertEquals(await failing.flusher.stop(), { left: 3 });

  await using hanging = await setUp();
  hanging.sink.write = () => new Promise(() => {});
  await hanging.stage(1);
  assertEquals(await hanging.flusher.stop({ deadlineMs: 10 }), { left: 1 });
});

Deno.test("Flusher.flushNow() of many callers writes each batch once", async () => {
  await using at = await setUp({ maxBatches: 2 });
  await at.stage(1, 2, 3, 4, 5);
  await Promise.all(Array.from({ length: 5 }, () => at.flusher.flushNow()));
  assertEquals(at.sink.sequences, [1, 2, 3, 4, 5]);
});

/** A sink that refuses groups with a batch of `poison`, having written them to its first part. */
class Picky extends Tables {
  readonly first: number[] = [];
  away = false;

  constructor(readonly poison: ReadonlySet<number>, readonly content: boolean) {
    super();
  }

  override async write(group: GroupToWrite) {
    if (this.away) throw new RefusedError("no memory", { content: false, written: [] });
    const sequences = group.batches.map(({ sequence }) => sequence);
    if (!group.skip.includes("first")) this.first.push(...sequences);
    if (sequences.some((sequence) => this.poison.has(sequence))) {
      throw new RefusedError("Cannot parse it", { content: this.content, written: ["first"] });
    }
    return await super.write(group);
  }
}

Deno.test("Flusher sets aside the batches that storage refuses, and writes all others once", async () => {
  const sink = new Picky(new Set([3, 4, 11]), true);
  await using at = await setUp({ sink });
  await at.stage(...Array.from({ length: 12 }, (_, i) => i + 1));
  await at.flusher.flushNow();
  assertEquals(sink.sequences.sort((a, b) => a - b), [1, 2, 5, 6, 7, 8, 9, 10, 12]);
  // The part that took the whole group was not given the halves.
  assertEquals(sink.first.sort((a, b) => a - b), Array.from({ length: 12 }, (_, i) => i + 1));
  assertEquals(at.buffer.quarantined.map(({ head, error }) => [head.sequence, error]), [
    [3, "Cannot parse it"],
    [4, "Cannot parse it"],
    [11, "Cannot parse it"],
  ]);
  assertEquals([at.metrics.setAside, at.buffer.staged, at.flusher.failing], [3, 0, undefined]);
});

Deno.test("Flusher takes a lack of memory for a batch's fault only while storage takes others", async () => {
  const sink = new Picky(new Set([2]), false);
  await using at = await setUp({ sink });
  await at.stage(1, 2, 3);
  sink.away = true;
  for (let i = 0; i < 20; i++) await assertRejects(() => at.flusher.flushNow(), RefusedError);
  assertEquals([at.buffer.quarantined, at.buffer.staged], [[], 3]);
  assertEquals(at.flusher.failing!.failures, 20);
  sink.away = false;
  let sequence = 4;
  for (; at.buffer.quarantined.length === 0 && sequence < 20; sequence++) {
    await at.stage(sequence);
    await at.flusher.flushNow().catch(() => {});
  }
  assertEquals(at.buffer.quarantined.map(({ head }) => head.sequence), [2]);
  assertEquals(sink.sequences.sort((a, b) => a - b), [
    1,
    3,
    ...Array.from({ length: sequence - 4 }, (_, i) => i + 4),
  ]);
  assertEquals(at.buffer.staged, 0);
});

Deno.test("Flusher says since when storage fails, and does not while it does not", async () => {
  let now = 1000;
  const failures: number[] = [];
  await using at = await setUp({
    sink: new Tables(2),
    clock: () => now++,
    onFailure: (_, failing) => failures.push(failing.failures),
  });
  await at.stage(1);
  for (let i = 0; i < 2; i++) await assertRejects(() => at.flusher.flushNow());
  assertEquals(at.flusher.failing, { sinceMs: 1000, failures: 2, error: "connect ECONNREFUSED" });
  await at.flusher.flushNow();
  assertEquals([at.flusher.failing, failures, at.metrics.storedSequences], [undefined, [1, 2], [1]]);
});

Deno.test("Flusher listens to the end of its life no more than once, however often it pauses", async () => {
  let listening = 0;
  const { addEventListener, removeEventListener } = AbortSignal.prototype;
  using _ = {
    [Symbol.dispose]: () => Object.assign(AbortSignal.prototype, { addEventListener, removeEventListener }),
  };
  AbortSignal.prototype.addEventListener = function (...args: Parameters<typeof addEventListener>) {
    listening++;
    return addEventListener.apply(this, args);
  };
  AbortSignal.prototype.removeEventListener = function (...args: Parameters<typeof removeEventListener>) {
    listening--;
    return removeEventListener.apply(this, args);
  };
  await using at = await setUp({ intervalMs: 1 });
  at.flusher.start();
  for (let sequence = 1; sequence <= 20; sequence++) {
    await at.stage(sequence);
    await at.sink.called(sequence);
  }
  assertEquals(listening <= 1, true, `${listening} listeners`);
});
