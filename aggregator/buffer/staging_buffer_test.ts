// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { batchBytes, batchMeta } from "../../tests/support/staged.ts";
import { BufferFullError } from "./held.ts";
import { StagingBuffer } from "./staging_buffer.ts";
import { BufferOpenError } from "./store.ts";

async function tempFolder(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-buffer-" });
  return {
    path: `${folder}/staging.kv`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function keysOf(path: string): Promise<string[]> {
  const kv = await Deno.openKv(path);
  const keys = (await Array.fromAsync(kv.list({ prefix: [] }))).map(({ key }) => String(key[0]));
  kv.close();
  return keys;
}

Deno.test("StagingBuffer gives back the bytes of batches of all sizes", async () => {
  await using buffer = await StagingBuffer.open();
  const sizes = [1, 61_439, 61_440, 61_441, 13 * 61_440, 13 * 61_440 + 1, 26 * 61_440, 5_000_000];
  for (const [i, size] of sizes.entries()) {
    const bytes = new Uint8Array(size).map((_, at) => at * 7 + i);
    assertEquals(await buffer.stage(bytes, batchMeta({ sequence: i + 1 })), "staged");
  }
  assertEquals([buffer.batches, buffer.bytes], [sizes.length, sizes.reduce((a, b) => a + b)]);
  const group = (await buffer.takeGroup())!;
  assertEquals(group.batches.map(({ bytes }) => bytes.length), sizes);
  group.batches.forEach(({ bytes }, i) =>
    assertEquals(bytes.every((byte, at) => byte === (at * 7 + i & 255)), true)
  );
  await buffer.complete(group);
  assertEquals([buffer.batches, buffer.bytes, await buffer.takeGroup()], [0, 0, undefined]);
});

Deno.test("StagingBuffer.stage() tells a batch that was staged before", async () => {
  await using buffer = await StagingBuffer.open();
  const stage = (sequence: number, meta = {}) =>
    buffer.stage(new Uint8Array(9), batchMeta({ sequence, ...meta }));
  assertEquals(await stage(1), "staged");
  assertEquals(await stage(1), "duplicate");
  assertEquals(await stage(1, { epoch: 1_767_225_600_000_000_001n }), "staged");
  assertEquals(await stage(1, { agentId: "agent-2" }), "staged");
  // Out of order: what was left out may come later.
  assertEquals([await stage(4), await stage(2), await stage(4), await stage(2)], [
    "staged",
    "staged",
    "duplicate",
    "duplicate",
  ]);
  // Also when it is in storage already.
  await buffer.complete((await buffer.takeGroup())!);
  assertEquals(await stage(4), "duplicate");
  assertEquals(buffer.batches, 0);
});

Deno.test("StagingBuffer.stage() keeps one of many equal batches that are pushed at once", async () => {
  await using buffer = await StagingBuffer.open();
  const bytes = batchBytes(7);
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, i) => buffer.stage(bytes, batchMeta({ sequence: 1 + i % 4 }))),
  );
  assertEquals(results.filter((result) => result === "staged").length, 4);
  assertEquals([buffer.batches, buffer.bytes], [4, 4 * bytes.length]);
  const group = (await buffer.takeGroup())!;
  assertEquals(group.batches.map(({ head }) => head.sequence).sort(), [1, 2, 3, 4]);
  for (const batch of group.batches) assertEquals(batch.bytes, bytes);
});

Deno.test("StagingBuffer.stage() keeps to the capacity under concurrent pushes", async () => {
  await using buffer = await StagingBuffer.open({ capacity: 10, capacityBytes: 1000 });
  const push = async (sequence: number, size: number) => {
    try {
      return await buffer.stage(new Uint8Array(size), batchMeta({ sequence }));
    } catch (error) {
      if (!(error instanceof BufferFullError)) throw error;
      return "full";
    }
  };
  const results = await Promise.all(Array.from({ length: 30 }, (_, i) => push(i + 1, 10)));
  assertEquals(results.filter((result) => result === "staged").length, 10);
  assertEquals([buffer.batches, buffer.backpressure], [10, true]);
  // A batch whose acknowledgement was lost is acknowledged although there is no room for another.
  assertEquals(await push(results.indexOf("staged") + 1, 10), "duplicate");
  await buffer.complete((await buffer.takeGroup())!);
  assertEquals(await push(50, 1001), "full");
  assertEquals(buffer.backpressure, false);
  assertEquals([await push(50, 800), buffer.backpressure, await push(51, 201)], ["staged", true, "full"]);
});

Deno.test("StagingBuffer.takeGroup() gives the same group until it is complete, over restarts", async () => {
  await using folder = await tempFolder();
  let token: string;
  {
    await using buffer = await StagingBuffer.open({ path: folder.path });
    for (let sequence = 1; sequence <= 5; sequence++) {
      await buffer.stage(batchBytes(sequence), batchMeta({ sequence }));
    }
    const group = (await buffer.takeGroup({ maxBatches: 3 }))!;
    token = group.token;
    assertEquals(group.batches.map(({ head }) => head.sequence), [1, 2, 3]);
    assertEquals((await buffer.takeGroup())!.token, token);
  }
  await using buffer = await StagingBuffer.open({ path: folder.path });
  await buffer.stage(batchBytes(6), batchMeta({ sequence: 6 }));
  const again = (await buffer.takeGroup())!;
  assertEquals(again.token, token);
  assertEquals(again.batches.map(({ bytes }) => bytes), [1, 2, 3].map(batchBytes));
  await buffer.complete(again);
  await assertRejects(() => buffer.complete(again), Error, "it was not taken");
  const next = (await buffer.takeGroup())!;
  assertNotEquals(next.token, token);
  assertEquals(next.batches.map(({ head }) => head.sequence), [4, 5, 6]);
});

Deno.test("StagingBuffer.takeGroup() keeps to a number of bytes, but for one batch", async () => {
  await using buffer = await StagingBuffer.open();
  for (let sequence = 1; sequence <= 4; sequence++) {
    await buffer.stage(new Uint8Array(sequence === 3 ? 100 : 10), batchMeta({ sequence }));
  }
  const taken: number[][] = [];
  for (let group; (group = await buffer.takeGroup({ maxBytes: 25 }));) {
    taken.push(group.batches.map(({ head }) => head.sequence));
    await buffer.complete(group);
  }
  assertEquals(taken, [[1, 2], [3], [4]]);
});

Deno.test("StagingBuffer.complete() removes a group that needs many commits", async () => {
  await using folder = await tempFolder();
  {
    await using buffer = await StagingBuffer.open({ path: folder.path });
    await Promise.all(Array.from({ length: 40 }, (_, i) => {
      return buffer.stage(new Uint8Array(2 ** 21), batchMeta({ agentId: `agent-${i}` }));
    }));
    const group = (await buffer.takeGroup({ maxBytes: 2 ** 30 }))!;
    assertEquals(group.batches.length, 40);
    await buffer.complete(group);
  }
  assertEquals(new Set(await keysOf(folder.path)), new Set(["aggregator", "seen"]));
});

Deno.test("StagingBuffer.open() goes on with what a crash broke off", async () => {
  await using folder = await tempFolder();
  {
    await using buffer = await StagingBuffer.open({ path: folder.path });
    for (let sequence = 1; sequence <= 4; sequence++) {
      await buffer.stage(new Uint8Array(200_000), batchMeta({ sequence }));
    }
  }
  const kv = await Deno.openKv(folder.path);
  // Two batches are in storage and half removed; a fifth was not acknowledged.
  await kv.set(["groups"], [{ token: "t", skip: [], tries: 0, ids: [1, 2], chunks: [4, 4], done: true }]);
  await kv.delete(["head", 1]);
  await kv.delete(["chunk", 2, 0]);
  await kv.set(["part", 5], 30);
  for (let i = 0; i < 13; i++) await kv.set(["chunk", 5, i], new Uint8Array(10));
  kv.close();

  await using buffer = await StagingBuffer.open({ path: folder.path });
  assertEquals(buffer.list().map(({ sequence }) => sequence), [3, 4]);
  assertEquals([buffer.batches, buffer.bytes], [2, 400_000]);
  assertEquals(await buffer.stage(new Uint8Array(9), batchMeta({ sequence: 1 })), "duplicate");
  assertEquals(await buffer.stage(batchBytes(7), batchMeta({ sequence: 5 })), "staged");
  const group = (await buffer.takeGroup())!;
  assertEquals(group.batches.map(({ bytes }) => bytes.length), [200_000, 200_000, 2_000_000]);
  assertEquals(group.batches[2]!.bytes, batchBytes(7));
  await buffer.complete(group);
  assertEquals((await keysOf(folder.path)).filter((key) => key === "chunk" || key === "part"), []);
});

Deno.test("StagingBuffer keeps its name in its file", async () => {
  await using folder = await tempFolder();
  const names = [];
  for (let i = 0; i < 2; i++) {
    await using buffer = await StagingBuffer.open({ path: folder.path });
    names.push(buffer.aggregatorId);
  }
  await using other = await StagingBuffer.open();
  assertEquals(names[0], names[1]);
  assertNotEquals(other.aggregatorId, names[0]);
});

Deno.test("StagingBuffer.list() gives the batches of one agent", async () => {
  await using buffer = await StagingBuffer.open();
  for (let i = 1; i <= 6; i++) {
    await buffer.stage(new Uint8Array(i), batchMeta({ agentId: `agent-${i % 2}`, sequence: i }));
  }
  assertEquals(buffer.list({ agentId: "agent-1" }).map(({ sequence }) => sequence), [1, 3, 5]);
  assertEquals(buffer.list({ limit: 2 }).map(({ sequence }) => sequence), [1, 2]);
  assertEquals(buffer.samples, 60);
});

Deno.test("StagingBuffer.open() says why a file cannot be used", async () => {
  await using folder = await tempFolder();
  await Deno.writeTextFile(folder.path, "not a database ".repeat(1000));
  await assertRejects(
    () => StagingBuffer.open({ path: folder.path }),
    BufferOpenError,
    `Cannot open the buffer '${folder.path}': file is not a database`,
  );
  await assertRejects(
    () => StagingBuffer.open({ path: `${folder.path}/x/y` }),
    BufferOpenError,
    "Cannot open",
  );
  await assertRejects(
    () => StagingBuffer.open({ path: "/proc/aperture.kv" }),
    BufferOpenError,
    "Cannot open",
  );
  await Deno.remove(folder.path);
  await using _buffer = await StagingBuffer.open({ path: folder.path });
  await assertRejects(
    () => StagingBuffer.open({ path: folder.path }),
    BufferOpenError,
    "another process uses it",
  );
});

Deno.test("StagingBuffer keeps every batch that was acknowledged before a kill", async () => {
  await using folder = await tempFolder();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--frozen",
      "--quiet",
      import.meta.resolve("../../tests/support/stage_until_killed.ts"),
      folder.path,
    ],
    stdout: "piped",
  }).spawn();
  const staged = new Set<number>();
  const written = new Map<string, string>();
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  let text = "";
  for await (const piece of lines) {
    text += piece;
    // In the middle of whatever it does.
    if (text.includes("staged 95\n")) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It is dead already; the rest of its output is still read.
      }
    }
  }
  await child.status;
  // The last line may be cut.
  for (const line of text.split("\n").slice(0, -1)) {
    const [word, name, sequences] = line.split(" ");
    if (word === "staged") staged.add(Number(name));
    else written.set(name!, sequences!);
  }
  assertEquals(staged.size >= 95, true);

  await using buffer = await StagingBuffer.open({ path: folder.path, capacityBytes: 2 ** 30 });
  for (let group; (group = await buffer.takeGroup({ maxBatches: 5 }));) {
    for (const { head, bytes } of group.batches) assertEquals(bytes, batchBytes(head.sequence));
    const sequences = group.batches.map(({ head }) => head.sequence).join(",");
    // What was handed out before the kill is the same group now.
    assertEquals(written.get(group.token) ?? sequences, sequences);
    written.set(group.token, sequences);
    await buffer.complete(group);
  }
  const all = [...written.values()].flatMap((sequences) => sequences.split(",").map(Number)).sort((a, b) =>
    a - b
  );
  assertEquals(new Set(all).size, all.length);
  assertEquals(staged.difference(new Set(all)).size, 0);
});

Deno.test("StagingBuffer.stage() knows sequences with any number of gaps, in any order, over restarts", async () => {
  await using folder = await tempFolder();
  const odd = Array.from({ length: 300 }, (_, i) => 2 * i + 1).sort((a, b) => a * 7 % 31 - b * 7 % 31);
  {
    await using buffer = await StagingBuffer.open({ path: folder.path });
    for (const sequence of odd) {
      assertEquals(await buffer.stage(new Uint8Array(1), batchMeta({ sequence })), "staged");
    }
  }
  await using buffer = await StagingBuffer.open({ path: folder.path });
  for (const sequence of odd) {
    assertEquals(await buffer.stage(new Uint8Array(1), batchMeta({ sequence })), "duplicate");
    assertEquals(await buffer.stage(new Uint8Array(1), batchMeta({ sequence: sequence + 1 })), "staged");
  }
});

Deno.test("StagingBuffer keeps what is in quarantine over restarts, tries it once in a new version, and has bounds", async () => {
  await using folder = await tempFolder();
  const open = (version: string) => StagingBuffer.open({ path: folder.path, version, maxQuarantined: 2 });
  const setAside = async (buffer: StagingBuffer) => {
    for (let group; (group = await buffer.takeGroup({ maxBatches: 1 }));) {
      await buffer.quarantine(group, "bad");
    }
  };
  {
    await using buffer = await open("1");
    for (const sequence of [1, 2]) await buffer.stage(batchBytes(7), batchMeta({ sequence }));
    await setAside(buffer);
  }
  {
    await using buffer = await open("1");
    assertEquals([buffer.staged, buffer.quarantined.length], [0, 2]);
  }
  await using buffer = await open("2");
  assertEquals([buffer.staged, buffer.quarantined.length], [2, 0]);
  const group = (await buffer.takeGroup())!;
  assertEquals(group.batches.map(({ bytes }) => bytes), [batchBytes(7), batchBytes(7)]);
  await buffer.halve(group, { skip: ["series"] });
  assertEquals((await buffer.takeGroup())!.skip, ["series"]);
  let lost = 0;
  buffer.onLost = (batches) => lost += batches;
  await setAside(buffer);
  await buffer.stage(batchBytes(3), batchMeta({ sequence: 3 }));
  await setAside(buffer);
  assertEquals(buffer.quarantined.map(({ head, version }) => [head.sequence, version]), [[2, "2"], [3, "2"]]);
  assertEquals(lost, 1);
});
