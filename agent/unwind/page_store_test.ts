// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { testWith } from "../../tests/support/needs.ts";
import { BpfObject } from "../libbpf/mod.ts";
import { PageStore } from "./page_store.ts";
import { CFA_REGISTER, RuleSet } from "./rules.ts";
import { TableBuilder, type UnwindTable } from "./table.ts";
import { UNWIND_OBJECT } from "./unwinder.ts";

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

testWith(
  ["bpf", "clang"],
  "PageStore gives up the pages that were not used for longest, and none in use",
  async () => {
    await build("bpf");
    const { object, maps } = openMaps({ maxChunks: 1, maxPages: 1024 });
    using _object = object;
    using store = new PageStore(maps, { maxChunks: 1 });
    // A chunk has room for 8 of them.
    const table = makeTable(20, 32_768);
    for (let page = 0; page < 8; page++) assert(await store.load(1, page, { table, window: 1 + page }));
    assertEquals(store.stats.evicted, 0);
    assertEquals([0, 503, 504].map((pages) => store.hasRoomFor({ rows: -262_144, pages })), [
      true,
      true,
      false,
    ]);
    assert(await store.load(1, 8, { table, window: 9 }));
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
    // All are of this window: there is no room.
    for (let page = 0; page < 9; page++) {
      const value = maps.pages.lookup(Uint32Array.of(1, page));
      if (value) maps.pages.update(Uint32Array.of(1, page), new Uint32Array(value.buffer).with(3, 10));
    }
    assert(!await store.load(1, 9, { table, window: 10 }));
    assertEquals(store.stats.refused, 1);
    assert(await store.load(1, 9, { table, window: 11 }));
  },
);

testWith(["bpf", "clang"], "PageStore writes rows that refer to the rules of all files", async () => {
  await build("bpf");
  const { object, maps } = openMaps({ maxChunks: 2, maxPages: 1024 });
  using _object = object;
  using store = new PageStore(maps, { maxChunks: 2 });
  const table = makeTable(3, 100);
  for (const file of [1, 2]) {
    for (let page = 0; page < 4; page++) assert(await store.load(file, page, { table, window: 1 }));
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
  using store = new PageStore(maps, { maxChunks: 1 });
  const rules = new RuleSet();
  const builder = new TableBuilder();
  for (let i = 0; i < 20_000; i++) builder.set(i * 2, rules.intern(CFA_REGISTER | 6 << 4, 8 * i, 0, 0));
  const full = builder.finish(rules.toArray());
  const table = makeTable(1, 100);
  assert(await store.load(1, 0, { table: full, window: 1 }));
  assert(await store.load(2, 0, { table, window: 1 }));
  const { rules: before, rulesRefused: refused } = store.stats;
  assertEquals([before, refused], [16_384, 20_000 + 2 + 7 - 16_384]);
  assertEquals([store.isStale(1), store.isStale(2)], [false, true]);
  const pageOf = (file: number) => maps.pages.lookup(Uint32Array.of(file, 0));
  await store.renew(() => {
    assertEquals([1, 2].map(pageOf), [undefined, undefined]);
    return 2;
  });
  assertEquals([store.isStale(3), store.has(2, 0), store.stats.pages, store.stats.rowBytes], [
    false,
    false,
    0,
    0,
  ]);
  assert(await store.load(2, 0, { table, window: 2 }));
  assertEquals([store.stats.rules, store.stats.rulesRefused], [2 + 7, refused]);
  const words = [...new Uint32Array(maps.rules.lookup(Uint32Array.of(3))!.buffer)];
  assertEquals(words, [CFA_REGISTER | 7 << 4, 16, 0, 0]);
  // Not again and again: those that run miss their pages then.
  assert(await store.load(1, 0, { table: full, window: 2 }));
  assertEquals([store.isStale(9), store.isStale(10)], [false, true]);
});
