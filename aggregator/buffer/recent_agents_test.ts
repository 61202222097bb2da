// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { batchMeta } from "../../tests/support/staged.ts";
import { Commits } from "./commits.ts";
import { type BatchMeta, seenKey } from "./entry.ts";
import { putBatch, type Remembered, wasKept } from "./put_batch.ts";
import { RecentAgents } from "./recent_agents.ts";

const OPTIONS = { commits: new Commits(), rememberMs: 60_000, onLeft: () => {} };

function headOf(meta: BatchMeta) {
  return { ...meta, id: meta.sequence, size: 1, checksum: 0, receivedMs: 0 };
}

Deno.test("RecentAgents is what the store has, does not ask it again, and is put right where it is not", async () => {
  using kv = await Deno.openKv(":memory:");
  const agents = new RecentAgents(OPTIONS.commits);
  const put = async (sequence: number, known?: Remembered) => {
    const meta = batchMeta({ sequence });
    known ??= await agents.remembered(kv, meta);
    return await putBatch(kv, { head: headOf(meta), bytes: Uint8Array.of(1), known }, OPTIONS);
  };
  const [first, second] = [batchMeta({ sequence: 1 }), batchMeta({ sequence: 2 })];
  const nothing = await agents.remembered(kv, first);
  agents.hold(first, (await put(1))!);
  assertEquals(await agents.remembered(kv, second), await kv.get(seenKey(second)));
  assertEquals(wasKept(await agents.remembered(kv, second), first), true);
  // What is held is older than what the store has: the store's counts.
  assertEquals([await put(1, nothing), (await put(2, nothing)) !== undefined], [undefined, true]);
  assertEquals(wasKept(await agents.remembered(kv, second), second), false);
  assertEquals(await put(2), undefined);
  // The store has forgotten it meanwhile.
  await kv.delete(seenKey(first));
  const third = (await put(3))!;
  assertEquals(third, await kv.get(seenKey(first)));
  assertEquals([wasKept(third, batchMeta({ sequence: 3 })), wasKept(third, first)], [true, false]);
  // Without the store it knows what it holds, and nothing else.
  agents.hold(first, third);
  agents.clear();
  assertEquals(await agents.remembered(kv, first), await kv.get(seenKey(first)));
  const content = batchMeta({ sequence: 1, content: "abc" });
  agents.hold(content, { ...third, key: seenKey(content) });
  assertEquals((await agents.remembered(kv, content)).value, null);
});
