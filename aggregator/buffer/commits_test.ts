// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Commits } from "./commits.ts";

/** Returns a store in memory that counts its commits and reads. */
async function openStore() {
  const kv = await Deno.openKv(":memory:");
  const count = { commits: 0, reads: 0 };
  const counted = new Proxy(kv, {
    get(_, name) {
      if (name === "atomic") count.commits++;
      if (name === "getMany") count.reads++;
      const value = Reflect.get(kv, name);
      return typeof value === "function" ? value.bind(kv) : value;
    },
  });
  return { kv: counted, count, [Symbol.dispose]: () => kv.close() };
}

const NOTHING = { value: null, versionstamp: null };

/** Returns a commit that writes `value` under `name`, where `seen` is what there was before. */
function put(kv: Deno.Kv, name: string, { value = name as unknown, size = 100, seen = NOTHING } = {}) {
  const key = ["seen", name];
  return {
    kv,
    size,
    seen: { key, ...seen },
    addTo: (commit: Deno.AtomicOperation) => void commit.set(key, value),
  };
}

Deno.test("Commits writes many batches in few commits, and each is there when it says so", async () => {
  using store = await openStore();
  const { kv, count } = store;
  const commits = new Commits();
  const names = Array.from({ length: 40 }, (_, i) => `agent-${i}`);
  const done = await Promise.all(names.map(async (name) => {
    const { ok } = await commits.put(put(kv, name));
    return ok && (await kv.get(["seen", name])).value === name;
  }));
  assertEquals(done, names.map(() => true));
  assertEquals(count.commits, 3);
  const entries = await Promise.all(names.map((name) => commits.get(kv, ["seen", name])));
  assertEquals(entries.map(({ value }) => value as unknown), names);
  assert(count.reads < 10, `${count.reads}`);
  // As many bytes as a commit takes: one by one.
  count.commits = 0;
  const large = await Promise.all(
    names.slice(0, 4).map((name) => commits.put(put(kv, `${name}-large`, { size: 790_000 }))),
  );
  assertEquals([large.every(({ ok }) => ok), count.commits], [true, 4]);
});

Deno.test("Commits keeps batches from suffering from what is wrong with another", async () => {
  using store = await openStore();
  const { kv } = store;
  const commits = new Commits();
  const busy = ["a", "b"].map((name) => commits.put(put(kv, name)));
  const good = ["c", "d"].map((name) => commits.put(put(kv, name)));
  // Deno KV takes at most 64 KiB.
  const tooLarge = commits.put(put(kv, "e", { value: new Uint8Array(70_000) }));
  const refused = assertRejects(() => tooLarge, TypeError);
  const stale = commits.put(
    put(kv, "f", { seen: { value: null, versionstamp: "00000000000000010000" } as never }),
  );
  const twice = [1, 2].map((value) => commits.put(put(kv, "g", { value })));
  const all = await Promise.all([...busy, ...good, stale, ...twice]);
  await refused;
  assertEquals(all.slice(0, 5).map(({ ok }) => ok), [true, true, true, true, false]);
  // One of them came first, and the other one is told.
  const kept = [1, 2].filter((_, i) => all[5 + i]!.ok);
  assertEquals([kept.length, (await kv.get(["seen", "g"])).value], [1, kept[0]]);
  assertEquals((await kv.get(["seen", "d"])).value, "d");
});
