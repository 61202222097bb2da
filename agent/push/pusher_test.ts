// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { status } from "@grpc/grpc-js";
import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { type Batch, type Profile, totalOf } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { collectLogs } from "../../tests/support/log.ts";
import { testWith } from "../../tests/support/needs.ts";
import { demoFrame } from "../../tests/support/profiles.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import type { Identity } from "./batch.ts";
import { PushError } from "./client.ts";
import { PUSH_LOSS, Pusher, type PusherOptions } from "./pusher.ts";

const identity: Identity = {
  agentId: "n1",
  epoch: 1_700_000_000_000_000_000n,
  node: "n1",
  agentVersion: "0.1.0",
};
const window = {
  startNs: 1_700_000_001_000_000_000n,
  endNs: 1_700_000_011_000_000_000n,
  losses: new Map<string, number>(),
};
const TAKEN = { backpressure: false, duplicate: false };

/** Returns one sample that counts `count`, or several. */
function profileOf(...counts: number[]): Profile {
  const builder = new ProfileBuilder();
  for (const count of counts) {
    const stack = builder.stack([builder.frame(demoFrame(`f${count}`))]);
    builder.add("cpu", builder.series({ pid: 1 }), stack, count * 1000, count);
  }
  return builder.build();
}

type Answer = typeof TAKEN | status | { code: status; details: string; retryMs?: number };

/** An aggregator that answers as told, and takes everything once it has been told no more. */
class ScriptedTransport {
  readonly taken: Batch[] = [];
  readonly answers: Answer[];
  atOnce = 0;

  constructor(...answers: Answer[]) {
    this.answers = answers;
  }

  async push(request: Uint8Array) {
    assertEquals(++this.atOnce, 1);
    await delay(0);
    this.atOnce--;
    const answer = this.answers.shift() ?? TAKEN;
    if (typeof answer === "number") throw new PushError(answer, "because");
    if ("code" in answer) throw new PushError(answer.code, answer.details, answer);
    this.taken.push(readBatch(request));
    return answer;
  }

  get counts(): number[] {
    return this.taken.map((batch) => totalOf(batch).count);
  }
}

/** Makes a pusher that does not wait, but notes for how long it would have. */
function pusherTo(transport: PusherOptions["transport"], options: Partial<PusherOptions> = {}) {
  const pauses: number[] = [];
  const sleep = async (ms: number) => {
    pauses.push(ms);
    await delay(0);
  };
  return { pusher: new Pusher({ identity, transport, random: () => 1, sleep, ...options }), pauses };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(1);
}

Deno.test("Pusher delivers in order with a sequence each, and retries what may pass", async () => {
  await using logs = await collectLogs();
  const { UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNKNOWN } = status;
  const transport = new ScriptedTransport(
    UNAVAILABLE,
    DEADLINE_EXCEEDED,
    RESOURCE_EXHAUSTED,
    INTERNAL,
    UNKNOWN,
  );
  // The fifth failure may be the batch's fault; one alone has nobody to let pass.
  const { pusher, pauses } = pusherTo(transport);
  pusher.push(profileOf(1), window);
  await until(() => transport.taken.length === 1);
  for (const count of [2, 3]) pusher.push(profileOf(count), window);
  assertEquals(await pusher.stop({ deadlineMs: 5000 }), { batches: 0, kept: false });
  assertEquals(transport.counts, [1, 2, 3]);
  assertEquals(transport.taken.map(({ sequence }) => sequence), [1, 2, 3]);
  assertEquals(pauses, [500, 1000, 2000, 4000, 8000]);
  const { pushed, failures, pending, pendingBytes } = pusher.stats();
  assertEquals([pushed, failures, pending, pendingBytes], [3, 5, 0, 0]);
  assertEquals(logs.lines.filter((line) => line.startsWith("warning")).length, 1);
  assertMatch(
    logs.lines[0]!,
    /^warning: Cannot push, will try again: UNAVAILABLE: because \(1 batch waits\)$/,
  );
  assertEquals(logs.lines[1], "info: Pushing again, after 5 tries that failed; 0 batches wait");
});

Deno.test("Pusher waits half to all of a pause that doubles up to its longest", async () => {
  for (const [random, expected] of [[0, [250, 500, 1000, 1000]], [1, [500, 1000, 2000, 2000]]] as const) {
    const transport = new ScriptedTransport(...Array<status>(4).fill(status.UNAVAILABLE));
    const { pusher, pauses } = pusherTo(transport, { random: () => random, maxPauseMs: 2000 });
    pusher.push(profileOf(1), window);
    await until(() => transport.taken.length === 1);
    await pusher.stop({ deadlineMs: 0 });
    assertEquals(pauses, [...expected]);
  }
});

Deno.test("Pusher drops what is refused, counts it, and says in the next window what was lost", async () => {
  await using logs = await collectLogs();
  const transport = new ScriptedTransport({ code: status.INVALID_ARGUMENT, details: "it is empty" });
  const { pusher } = pusherTo(transport);
  pusher.push(profileOf(7), window);
  await until(() => pusher.stats().dropped.refused === 1);
  pusher.push(profileOf(1), { ...window, losses: new Map([["map_full", 2]]) });
  await pusher.stop({ deadlineMs: 5000 });
  assertEquals(transport.taken.map(({ losses }) => [...losses]), [[["map_full", 2], [PUSH_LOSS, 7]]]);
  assertEquals(logs.lines, ["warning: The aggregator refused a batch: INVALID_ARGUMENT: it is empty"]);
});

Deno.test("Pusher sends the halves of what is too large, and drops what cannot be halved", async () => {
  const tooLarge = { code: status.RESOURCE_EXHAUSTED, details: "Received message larger than max (9 vs 8)" };
  const transport = new ScriptedTransport(tooLarge, tooLarge, tooLarge);
  const { pusher } = pusherTo(transport);
  pusher.push(profileOf(1, 2, 4, 8), { ...window, losses: new Map([["map_full", 2]]) });
  pusher.push(profileOf(16), window);
  await pusher.stop({ deadlineMs: 5000 });
  // All four; the first two; the first alone: that is dropped.
  assertEquals(transport.counts, [2, 12, 16]);
  assertEquals(pusher.stats().dropped.too_large, 1);
  assertEquals(new Set(transport.taken.map(({ sequence }) => sequence)).size, 3);
});

Deno.test("Pusher sends what a window says of itself with one of its halves", async () => {
  const tooLarge = { code: status.RESOURCE_EXHAUSTED, details: "Received message larger than max (9 vs 8)" };
  const transport = new ScriptedTransport(tooLarge);
  const { pusher } = pusherTo(transport);
  const notes = { losses: new Map([["map_full", 2]]), stackEnds: new Map([["complete", 3]]) };
  pusher.push(profileOf(1, 2), { ...window, ...notes });
  await pusher.stop({ deadlineMs: 5000 });
  assertEquals(transport.taken.flatMap(({ losses }) => [...losses]), [["map_full", 2]]);
  assertEquals(transport.taken.flatMap(({ stackEnds = [] }) => [...stackEnds]), [["complete", 3]]);
});

Deno.test("Pusher makes several batches of a window that is larger than a message may be", async () => {
  const transport = new ScriptedTransport();
  const { pusher } = pusherTo(transport, { maxMessageBytes: 1000 });
  const counts = Array.from({ length: 200 }, (_, i) => i + 1);
  pusher.push(profileOf(...counts), { ...window, losses: new Map([["map_full", 2]]) });
  await pusher.stop({ deadlineMs: 5000 });
  assert(transport.taken.length > 4);
  assertEquals(transport.counts.reduce((sum, count) => sum + count), 20_100);
  assertEquals(transport.taken.map(({ sequence }) => sequence), transport.taken.map((_, i) => i + 1));
  assertEquals(
    transport.taken.map(({ losses }) => losses.size),
    transport.taken.map((_, i) => i === 0 ? 1 : 0),
  );
});

Deno.test("Pusher lets others pass when a batch fails again and again by itself", async () => {
  const transport = new ScriptedTransport(...Array<status>(5).fill(status.INTERNAL));
  const { pusher } = pusherTo(transport);
  for (const count of [1, 2, 3]) pusher.push(profileOf(count), window);
  await until(() => transport.taken.length === 3);
  await pusher.stop({ deadlineMs: 0 });
  assertEquals(transport.counts, [2, 3, 1]);
});

Deno.test("Pusher keeps trying slowly with a wrong token, and gives up when it is stopped", async () => {
  await using logs = await collectLogs();
  const transport = new ScriptedTransport(...Array<status>(9).fill(status.UNAUTHENTICATED));
  const { pusher, pauses } = pusherTo(transport);
  pusher.push(profileOf(1), window);
  await until(() => pauses.length >= 3);
  transport.answers.push(...Array<status>(1000).fill(status.UNAUTHENTICATED));
  assertEquals(await pusher.stop({ deadlineMs: 60_000 }), { batches: 1, kept: false });
  assert(pauses.every((ms) => ms === 30_000));
  assertEquals(logs.lines.length, 1);
  assertMatch(logs.lines[0]!, /does not accept the token \(set APERTURE_AUTH_TOKEN/);
});

Deno.test("Pusher sends less often while the aggregator asks for it", async () => {
  const pressed = { backpressure: true, duplicate: true };
  const transport = new ScriptedTransport(pressed, pressed, TAKEN, pressed);
  const { pusher, pauses } = pusherTo(transport);
  for (const count of [1, 2, 3, 4]) pusher.push(profileOf(count), window);
  await pusher.stop({ deadlineMs: 5000 });
  assertEquals(pauses, [500, 1000, 500]);
  assertEquals(pusher.stats().duplicates, 3);
});

Deno.test("Pusher.stop() ends a call and a pause at its deadline, and keeps what is left in the folder", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const hanging = {
      push(_: Uint8Array, { signal }: { signal: AbortSignal }) {
        const { promise, reject } = Promise.withResolvers<never>();
        signal.addEventListener("abort", () => reject(new PushError(status.CANCELLED, "Cancelled")));
        return promise;
      },
    };
    const first = new Pusher({ identity, transport: hanging, spool: { directory } });
    for (const count of [1, 2]) first.push(profileOf(count), window);
    const stopped = first.stop({ deadlineMs: 20 });
    assertEquals(first.stop({ deadlineMs: 99_999 }), stopped);
    assertEquals(await stopped, { batches: 2, kept: true });
    const transport = new ScriptedTransport();
    const second = new Pusher({
      identity: { ...identity, epoch: identity.epoch + 1n },
      transport,
      spool: { directory },
    });
    second.push(profileOf(3), window);
    assertEquals(await second.stop({ deadlineMs: 5000 }), { batches: 0, kept: true });
    assertEquals(transport.counts, [1, 2, 3]);
    assertEquals(transport.taken.map(({ epoch }) => epoch - identity.epoch), [0n, 0n, 1n]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("Pusher delivers each sample once or counts it as lost, whatever goes wrong", async () => {
  const answer = fc.constantFrom<Answer>(
    TAKEN,
    { backpressure: true, duplicate: false },
    status.UNAVAILABLE,
    status.INTERNAL,
    status.INVALID_ARGUMENT,
    status.UNAUTHENTICATED,
    { code: status.RESOURCE_EXHAUSTED, details: "The buffer is full" },
    { code: status.RESOURCE_EXHAUSTED, details: "Received message larger than max (9 vs 8)" },
  );
  const windows = fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { maxLength: 5 }), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(windows, fc.array(answer, { maxLength: 20 }), async (all, answers) => {
      const transport = new ScriptedTransport(...answers);
      const { pusher } = pusherTo(transport, { spool: { maxMemoryBytes: 1500 } });
      for (const counts of all) pusher.push(profileOf(...counts), window);
      await until(() => pusher.stats().pending === 0);
      pusher.push(profileOf(), window);
      await until(() => pusher.stats().pending === 0);
      transport.answers.length = 0;
      pusher.push(profileOf(), window);
      await pusher.stop({ deadlineMs: 5000 });
      const delivered = transport.counts.reduce((sum, count) => sum + count, 0);
      const lost = transport.taken.reduce((sum, { losses }) => sum + (losses.get(PUSH_LOSS) ?? 0), 0);
      assertEquals(delivered + lost, all.flat().reduce((sum, count) => sum + count, 0));
      const { pushed, failures, dropped } = pusher.stats();
      assertEquals(pushed, transport.taken.length);
      assert(failures <= answers.length && dropped.spool_corrupt === 0);
    }),
    { numRuns: 50 },
  );
});

Deno.test("Pusher comes back when it is told to, within a minute", async () => {
  const full = (retryMs: number) => ({ code: status.RESOURCE_EXHAUSTED, details: "full", retryMs });
  const transport = new ScriptedTransport(full(10_000), full(10), full(600_000));
  const { pusher, pauses } = pusherTo(transport);
  pusher.push(profileOf(1), window);
  await until(() => transport.taken.length === 1);
  assertEquals(pauses, [10_000, 1000, 60_000]);
  await pusher.stop({ deadlineMs: 5000 });
});

Deno.test("Pusher sends what waited while pushing failed with pauses between, and what comes then at once", async () => {
  const transport = new ScriptedTransport(status.UNAVAILABLE);
  const { pusher, pauses } = pusherTo(transport);
  for (const count of [1, 2, 3]) pusher.push(profileOf(count), window);
  await until(() => transport.taken.length === 3);
  pusher.push(profileOf(4), window);
  await until(() => transport.taken.length === 4);
  // The one after the failure, one after each of the first two that waited.
  assertEquals(pauses, [500, 150, 150]);
  assertEquals(transport.counts, [1, 2, 3, 4]);
  await pusher.stop({ deadlineMs: 5000 });
});

Deno.test("Pusher asks for longer windows while the aggregator is nearly full, up to a bound", async () => {
  const pressed = { backpressure: true, duplicate: false };
  const transport = new ScriptedTransport(pressed, pressed, pressed);
  const { pusher } = pusherTo(transport);
  const beats: number[] = [];
  for (const count of [1, 2, 3, 4]) {
    beats.push(pusher.beats);
    pusher.push(profileOf(count), window);
    await until(() => transport.taken.length === count);
    await delay(0);
  }
  assertEquals([...beats, pusher.beats], [1, 2, 2, 2, 1]);
  await pusher.stop({ deadlineMs: 5000 });
});

testWith(
  ["root", "mount"],
  "Pusher delivers what is on a disk that became read-only, once, and says once that it takes no more",
  async () => {
    await using logs = await collectLogs();
    using folder = new TempFolder();
    run("mount", ["-t", "tmpfs", "tmpfs", folder.path]);
    try {
      const gate = Promise.withResolvers<void>();
      const taken: number[] = [];
      const push = async (request: Uint8Array) => {
        await gate.promise;
        taken.push(totalOf(readBatch(request)).count);
        return TAKEN;
      };
      const { pusher } = pusherTo({ push }, { spool: { directory: folder.path, maxMemoryBytes: 0 } });
      for (const count of [1, 2]) await pusher.push(profileOf(count), window);
      run("mount", ["-o", "remount,ro", folder.path]);
      for (const count of [3, 4]) await pusher.push(profileOf(count), window);
      gate.resolve();
      await pusher.stop({ deadlineMs: 60_000 });
      assertEquals(taken, [1, 2]);
      const { pushed, failures, dropped, droppedEvents, writeFailures, pending } = pusher.stats();
      // The fourth says of itself that the third was lost.
      assertEquals({ pushed, failures, full: dropped.spool_full, droppedEvents, writeFailures, pending }, {
        ...{ pushed: 2, failures: 0, full: 2, droppedEvents: 3 + (4 + 3), writeFailures: 2, pending: 0 },
      });
      assertEquals(logs.lines.filter((line) => line.includes("Cannot keep a batch")).length, 1);
    } finally {
      run("umount", [folder.path]);
    }
  },
);
