// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { testWith } from "../../tests/support/needs.ts";
import { until } from "../../tests/support/until.ts";
import { type BpfMap, BpfObject } from "../libbpf/mod.ts";
import { CHUNK_BYTES, PageStore } from "./page_store.ts";
import { CFA_REGISTER, RuleSet } from "./rules.ts";
import { TableBuilder, type UnwindTable } from "./table.ts";
import { UNWIND_OBJECT } from "./unwinder.ts";
import { WalkWindows } from "./walk_windows.ts";

/** Returns a table of `pages` pages of `rows` rows each, every one with its own mix of the same few rules. */
function makeTable(pages: number, rows: number): UnwindTable {
  const rules = new RuleSet();
  const few = Array.from({ length: 7 }, (_, i) => rules.intern(CFA_REGISTER | 7 << 4, 8 * (i + 1), 0, 0));
  const table = new TableBuilder();
  for (let page = 0; page < pages; page++) {
    for (let row = 0; row < rows; row++) table.set(page * 65_536 + row * 2, few[(page + row) % 7]!);
  }
  return table.finish(rules.toArray());
}

function openMaps({ maxChunks, maxPages }: { maxChunks: number; maxPages: number }) {
  const object = BpfObject.open(UNWIND_OBJECT);
  object.map("unwind_chunks").setMaxEntries(maxChunks);
  object.map("unwind_pages").setMaxEntries(maxPages);
  object.load();
  const [rules, chunks, pages] = ["rules", "chunks", "pages"].map((name) => object.map(`unwind_${name}`));
  return { object, maps: { rules: rules!, chunks: chunks!, pages: pages! } };
}

/** Windows of ten seconds, of which the first begins at 0. */
function makeWindows() {
  const clock = { ms: 0 };
  const windows = new WalkWindows({ tell: () => {}, clock: () => clock.ms });
  const end = (count = 1) => {
    for (let i = 0; i < count; i++) {
      clock.ms += 10_000;
      windows.end();
    }
  };
  return { windows, end };
}

testWith(
  ["bpf", "clang"],
  "PageStore gives up the pages that were not used for longest, and none in use",
  async () => {
    await build("bpf");
    const { object, maps } = openMaps({ maxChunks: 1, maxPages: 1024 });
    using _object = object;
    const { windows, end } = makeWindows();
    await using store = new PageStore(maps, { maxChunks: 1, windows, roomMs: 60_000 });
    // A chunk has room for 8 of them.
    const table = makeTable(20, 32_768);
    for (let page = 0; page < 8; page++) {
      assert(await store.load(1, page, { table }));
      end();
    }
    assertEquals(store.stats.evicted, 0);
    assertEquals([0, 503, 504].map((pages) => store.hasRoomFor({ rows: -262_144, pages })), [
      true,
      true,
      false,
    ]);
    const { now } = windows;
    assert(await store.load(1, 8, { table }));
    assertEquals({ ...store.stats, rules: 0 }, {
      pages: 8,
      rowBytes: 8 * 32_768 * 4,
      rules: 0,
      loaded: 9,
      evicted: 1,
      refused: 0,
      rulesRefused: 0,
    });
    assertEquals(maps.pages.lookup(Uint32Array.of(1, 0)), undefined);
    assert(maps.pages.lookup(Uint32Array.of(1, 1)));
    // Programs are not to go by what they remember of it.
    assertEquals([windows.now, windows.since], [now + 1, now]);
    // All are of this window, though of an earlier number: there is no room.
    for (let page = 0; page < 9; page++) use(maps.pages, page, now);
    assert(!await store.load(1, 9, { table }));
    assertEquals(store.stats.refused, 1);
    end();
    assert(await store.load(1, 9, { table }));
  },
);

/** Marks a page of file 1 as programs do. */
function use(pages: BpfMap, page: number, window: number): void {
  const value = pages.lookup(Uint32Array.of(1, page));
  if (value) pages.update(Uint32Array.of(1, page), new Uint32Array(value.buffer).with(3, window));
}

testWith(["bpf", "clang"], "PageStore gives up what is cold before it takes more memory", async () => {
  await build("bpf");
  const { object, maps } = openMaps({ maxChunks: 4, maxPages: 1024 });
  using _object = object;
  const { windows, end } = makeWindows();
  await using store = new PageStore(maps, { maxChunks: 4, windows, roomMs: 60_000 });
  const table = makeTable(40, 32_768);
  const load = async (from: number, to: number) => {
    for (let page = from; page < to; page++) assert(await store.load(1, page, { table }));
  };
  const state = () => [store.stats.pages, store.stats.evicted, store.memoryBytes / CHUNK_BYTES];
  await load(0, 8);
  end();
  for (let page = 0; page < 4; page++) use(maps.pages, page, windows.now);
  end(11);
  // None has been cold for two minutes yet.
  await load(8, 9);
  assertEquals(state(), [9, 0, 2]);
  end();
  // There is room.
  await load(9, 16);
  assertEquals(state(), [16, 0, 2]);
  await load(16, 20);
  assertEquals(state(), [16, 4, 2]);
  assertEquals([3, 4, 7, 8].map((page) => store.has(1, page)), [true, false, false, true]);
  // Those of this window are not looked at again.
  await load(20, 24);
  assertEquals(state(), [20, 4, 3]);
});

testWith(["bpf", "clang"], "PageStore.tidy() gives the memory back that is cold", async () => {
  await build("bpf");
  const { object, maps } = openMaps({ maxChunks: 4, maxPages: 1024 });
  using _object = object;
  const { windows, end } = makeWindows();
  const gone: number[] = [];
  await using store = new PageStore(maps, {
    maxChunks: 4,
    windows,
    onGone: (file) => gone.push(file),
    roomMs: 60_000,
  });
  const table = makeTable(40, 32_768);
  const state = () => [store.stats.pages, store.memoryBytes / CHUNK_BYTES, store.isDue];
  for (let page = 0; page < 24; page++) assert(await store.load(1, page, { table }));
  assertEquals(state(), [24, 3, false]);
  end(6);
  assertEquals(state(), [24, 3, true]);
  await store.tidy();
  assertEquals(state(), [24, 3, false]);
  for (let page = 9; page < 11; page++) use(maps.pages, page, windows.now);
  end(12);
  await store.tidy();
  assertEquals([state(), gone], [[2, 2, false], []]);
  end(13);
  await store.tidy();
  assertEquals([state(), gone], [[0, 1, false], [1]]);
  // What was given back is there again when it is needed.
  for (let page = 0; page < 24; page++) assert(await store.load(1, page, { table }));
  assertEquals(state(), [24, 3, false]);
  assertEquals([...new Uint32Array(maps.pages.lookup(Uint32Array.of(1, 23))!.buffer)].slice(0, 1), [2]);
});

testWith(["bpf", "clang"], "PageStore writes rows that refer to the rules of all files", async () => {
  await build("bpf");
  const { object, maps } = openMaps({ maxChunks: 2, maxPages: 1024 });
  using _object = object;
  await using store = new PageStore(maps, { maxChunks: 2, windows: makeWindows().windows, roomMs: 60_000 });
  const table = makeTable(3, 100);
  for (const file of [1, 2]) {
    for (let page = 0; page < 4; page++) assert(await store.load(file, page, { table }));
  }
  assertEquals(store.stats.rules, 2 + 7);
  assertEquals(new Set(store.fileIds()), new Set([1, 2]));
  const words = (bytes: Uint8Array<ArrayBuffer>) => [...new Uint32Array(bytes.buffer)];
  for (const file of [1, 2]) {
    const [, , count] = words(maps.pages.lookup(Uint32Array.of(file, 1))!);
    assertEquals(count, table.first[2]! - table.first[1]!);
    // A page that the table does not have is one without rows.
    assertEquals(words(maps.pages.lookup(Uint32Array.of(file, 3))!)[2], 0);
  }
  assertEquals(words(maps.rules.lookup(Uint32Array.of(3))!), [CFA_REGISTER | 7 << 4, 16, 0, 0]);
});

testWith(["bpf", "clang"], "PageStore gives up all pages where other files have all the rules", async () => {
  await build("bpf");
  const { object, maps } = openMaps({ maxChunks: 1, maxPages: 1024 });
  using _object = object;
  const { windows, end } = makeWindows();
  await using store = new PageStore(maps, { maxChunks: 1, windows, roomMs: 60_000 });
  const rules = new RuleSet();
  const builder = new TableBuilder();
  for (let i = 0; i < 20_000; i++) builder.set(i * 2, rules.intern(CFA_REGISTER | 6 << 4, 8 * i, 0, 0));
  const full = builder.finish(rules.toArray());
  const table = makeTable(1, 100);
  assert(await store.load(1, 0, { table: full }));
  assert(await store.load(2, 0, { table }));
  const { rules: before, rulesRefused: refused } = store.stats;
  assertEquals([before, refused], [16_384, 20_000 + 2 + 7 - 16_384]);
  assertEquals(store.isDue, false);
  end();
  assertEquals(store.isDue, true);
  await store.tidy();
  assertEquals([1, 2].map((file) => maps.pages.lookup(Uint32Array.of(file, 0))), [undefined, undefined]);
  assertEquals([store.isDue, store.has(2, 0), store.stats.pages, store.stats.rowBytes], [false, false, 0, 0]);
  assert(await store.load(2, 0, { table }));
  assertEquals([store.stats.rules, store.stats.rulesRefused], [2 + 7, refused]);
  const words = [...new Uint32Array(maps.rules.lookup(Uint32Array.of(3))!.buffer)];
  assertEquals(words, [CFA_REGISTER | 7 << 4, 16, 0, 0]);
  // Not again and again: those that run miss their pages then.
  assert(await store.load(1, 0, { table: full }));
  end(6);
  await store.tidy();
  assertEquals(store.stats.pages, 2);
  end(2);
  assertEquals(store.isDue, true);
  await store.tidy();
  assertEquals(store.stats.pages, 0);
});

testWith(["bpf", "clang"], "PageStore loads pages also while the kernel does not know who runs", async () => {
  await build("bpf");
  const { object, maps } = openMaps({ maxChunks: 2, maxPages: 1024 });
  using _object = object;
  const { windows, end } = makeWindows();
  await using store = new PageStore(maps, { maxChunks: 2, windows, roomMs: 5 });
  const table = makeTable(40, 32_768);
  const load = (page: number) => store.load(1, page, { table });
  for (let page = 0; page < 8; page++) assert(await load(page));
  end(13);
  const known = Promise.withResolvers<void>();
  const setInner = maps.chunks.setInner.bind(maps.chunks);
  maps.chunks.setInner = async (index, inner) => {
    await setInner(index, inner);
    await known.promise;
  };
  // All are cold, but their rows may be in use still, so that there is more memory.
  for (let page = 8; page < 16; page++) assert(await load(page));
  assertEquals([store.stats.pages, store.stats.evicted, store.memoryBytes / CHUNK_BYTES], [8, 8, 2]);
  assertEquals(await load(16), false);
  known.resolve();
  await until(async () => await load(17));
  assertEquals([store.stats.pages, store.memoryBytes / CHUNK_BYTES], [9, 2]);
});
