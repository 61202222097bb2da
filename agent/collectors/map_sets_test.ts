// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { testWith } from "../../tests/support/needs.ts";
import { BpfError, BpfObject } from "../libbpf/mod.ts";
import { CPU_OBJECT, CpuCollector } from "./cpu.ts";
import { MapSets, READING_LOSS } from "./map_sets.ts";

testWith(["bpf", "clang"], "MapSets.drain() empties only a set that is not counted into", async () => {
  await build("bpf");
  using object = BpfObject.open(CPU_OBJECT);
  object.load();
  using sets = new MapSets(object, ["counts"]);
  const active = () => new Uint32Array(object.map("active").lookup(Uint32Array.of(0))!.buffer)[0]!;
  const drain = () => sets.drain(({ counts }) => ({ emptied: counts.name, active: active() }));
  const drained = await Promise.all([drain(), drain(), drain()]);
  assertEquals(drained, [
    { emptied: "counts_a", active: 1 },
    { emptied: "counts_b", active: 0 },
    { emptied: "counts_a", active: 1 },
  ]);
});

testWith(["bpf", "clang"], "MapSets.drain() waits until it has seen each CPU without a program", async () => {
  await build("bpf");
  using object = BpfObject.open(CPU_OBJECT);
  object.load();
  using sets = new MapSets(object, ["counts"]);
  const looks = [[1, 0, 2], [0, 1, 1], [1, 1, 1], [1, 1, 0]];
  let looked = 0;
  const counting = object.map("counting");
  counting.ofCpus = () => looks[looked++]!;
  assertEquals(await sets.drain(() => ({ looked })), { looked: looks.length });
});

testWith(
  ["bpf", "clang"],
  "MapSets.drain() does not wait for a program that has no turn any more",
  async () => {
    await build("bpf");
    using object = BpfObject.open(CPU_OBJECT);
    object.load();
    using sets = new MapSets(object, ["counts"], { patienceMs: 5 });
    object.map("counting").ofCpus = () => [0, 1];
    assertEquals(await sets.drain(({ counts }) => ({ emptied: counts.name })), { emptied: "counts_a" });
  },
);

testWith(["bpf", "clang"], "MapSets.drain() goes on after one that failed", async () => {
  await build("bpf");
  using object = BpfObject.open(CPU_OBJECT);
  object.load();
  using sets = new MapSets(object, ["counts"]);
  const failing = sets.drain(() => {
    throw new Error("full");
  });
  const next = sets.drain(({ counts }) => ({ emptied: counts.name }));
  await assertRejects(() => failing, Error, "full");
  assertEquals(await next, { emptied: "counts_b" });
});

testWith(
  ["bpf", "clang"],
  "MapSets.drain() gives what it read of a map that fails midway, and the rest later",
  async () => {
    await build("bpf");
    using object = BpfObject.open(CPU_OBJECT);
    object.map("counts_a").setMaxEntries(8);
    object.load();
    using sets = new MapSets(object, ["counts"]);
    const map = object.map("counts_a");
    const put = (id: number) => {
      const key = new Uint8Array(map.keyBytes).fill(id);
      map.update(key, new Uint8Array(map.valueBytes));
      return key;
    };
    const first = put(1);
    put(2);
    // So much the programs would have said.
    object.map("filled").update(Uint32Array.of(0), BigUint64Array.of(2n));
    const whole = map.drain.bind(map);
    map.drain = (take) => {
      map.delete(first);
      const values = new DataView(new ArrayBuffer(map.valueBytes));
      take({ count: 1, keys: new DataView(first.buffer), values });
      throw new BpfError("Cannot read the map 'counts_a'", 12);
    };
    const drain = () =>
      sets.drain(({ counts }) => {
        const ids: number[] = [];
        counts.drain(({ count, keys }) => {
          for (let i = 0; i < count; i++) ids.push(keys.getUint8(i * map.keyBytes));
        });
        return { ids };
      });
    const failed = await drain();
    assertEquals([failed.ids, (failed.failure as BpfError).errno], [[1], 12]);
    map.drain = whole;
    assertEquals(await drain(), { ids: [] });
    // It is counted into again, as full as it is.
    assertEquals(sets.fill, 2 / 8);
    assertEquals(await drain(), { ids: [2] });
    assertEquals(sets.fill, 0);
  },
);

testWith(["bpf", "clang"], "MapSets.drain() counts what cannot be read of a map as lost, once", async () => {
  await build("bpf");
  using object = BpfObject.open(CPU_OBJECT);
  object.map("counts_a").setMaxEntries(8);
  object.load();
  using sets = new MapSets(object, ["counts"]);
  const map = object.map("counts_a");
  for (const id of [1, 2, 3]) {
    map.update(new Uint8Array(map.keyBytes).fill(id), new Uint8Array(map.valueBytes));
  }
  object.map("filled").update(Uint32Array.of(0), BigUint64Array.of(3n));
  const { failure } = await sets.drain(({ counts }) => {
    counts.drain(() => {
      throw new RangeError("Cannot read it");
    });
    return {};
  });
  assertEquals(failure?.message, "Cannot read it");
  assertEquals([...sets.losses()], [[READING_LOSS, 3]]);
  assertEquals([sets.losses().size, sets.fill], [0, 0]);
});

testWith(
  ["bpf", "clang"],
  "MapSets.fill says how full the set is that is counted into, and drain() begins anew",
  async () => {
    await build("bpf");
    using collector = CpuCollector.open({ freq: 999, memoryBytes: 2 ** 21 });
    // What samples of this very loop fill.
    const until = Date.now() + 20_000;
    while (collector.fill === 0 && Date.now() < until);
    assert(collector.fill > 0 && collector.fill < 1, `${collector.fill}`);
    const filled = collector.fill;
    collector.stop();
    const { samples } = await collector.drain();
    assert(samples.length > 0);
    assertEquals(collector.fill, 0);
    // The set that was drained is the next but one.
    await collector.drain();
    assertEquals(collector.fill, 0, `${filled}`);
  },
);
