// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { collectLogs } from "../../tests/support/log.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import type { UnwindTable } from "./table.ts";
import { type StoredPages, TableFiles, type TableFilesOptions } from "./table_files.ts";

/** Returns a table of some pages, each with a row of its own and one of the next page's rule. */
function tableOf(pages: readonly number[]): UnwindTable {
  return {
    pages: Uint32Array.from(pages),
    first: Uint32Array.from([...pages, 0], (_, i) => 2 * i),
    rows: Uint32Array.from(pages.flatMap((page) => [page << 16, 8 | (page + 1) << 16])),
    rules: Int32Array.of(-1, 2, -3, 4),
  };
}

function pagesOf(numbers: readonly number[]): StoredPages {
  return { table: tableOf(numbers), pages: numbers };
}

/** Each is what a run of the agent has. */
function open(folder: TempFolder, options: Partial<TableFilesOptions> = {}): TableFiles {
  const path = `${folder.path}/tables`;
  return new TableFiles({ folder: path, maxBytes: 1 << 20, version: "1", ...options });
}

Deno.test("TableFiles gives back the pages that an earlier run has put there, by the records that have them", () => {
  using folder = new TempFolder();
  const [first, second] = [pagesOf([1, 2, 3]), pagesOf([7, 9])];
  const before = open(folder).of("a");
  for (const pages of [first, second]) before.add(pages);
  for (const stored of [before, open(folder).of("a")]) {
    assertEquals([stored.size, stored.isWhole], [5, false]);
    assertEquals([3, 4, 9].map((page) => stored.has(page)), [true, false, true]);
    assertEquals([...stored.read([3, 9, 4, 1])], [
      { table: first.table, pages: [3, 1] },
      { table: second.table, pages: [9] },
    ]);
  }
  assertEquals(open(folder).of("b").size, 0);
  assertEquals(open(folder, { version: "2" }).of("a").size, 0);
});

Deno.test("TableFiles gives back a file that is whole, one without a rule too", () => {
  using folder = new TempFolder();
  const whole = pagesOf([1, 2]);
  // Pages without a row are in no table.
  open(folder).of("a").add({ ...whole, pages: [1, 2, 3] }, { whole: true });
  open(folder).of("none").add({ table: tableOf([]), pages: [5] }, { whole: true });
  assertEquals(open(folder).of("a").readWhole(), { ...whole, pages: [1, 2, 3] });
  assertEquals(open(folder).of("none").readWhole()?.table.pages.length, 0);
  assertEquals(open(folder).of("other").readWhole(), undefined);
});

Deno.test("TableFiles knows what was missed lately, noted once", () => {
  using folder = new TempFolder();
  let now = 1e12;
  const clock = () => now;
  const files = open(folder, { clock });
  files.of("a").note([1, 2]);
  const { bytes } = files.stats;
  files.of("a").note([2, 1]);
  assertEquals(files.stats.bytes, bytes);
  now += 5 * 86_400_000;
  open(folder, { clock }).of("a").note([3]);
  assertEquals([...open(folder, { clock }).of("a").missed], [1, 2, 3]);
  now += 5 * 86_400_000;
  assertEquals([...open(folder, { clock }).of("a").missed], [3]);
});

Deno.test("TableFiles has what two agents add to one file", () => {
  using folder = new TempFolder();
  const [a, b] = [open(folder).of("a"), open(folder).of("a")];
  a.add(pagesOf([1]));
  b.add(pagesOf([2]));
  a.add(pagesOf([3]));
  for (const stored of [a, b, open(folder).of("a")]) {
    for (const page of [1, 2, 3]) {
      if (stored.has(page)) assertEquals([...stored.read([page])], [pagesOf([page])]);
    }
  }
  assertEquals(open(folder).of("a").size, 3);
});

Deno.test("TableFiles keeps to its size, and a table that was given up is not there", () => {
  using folder = new TempFolder();
  let now = 1e12;
  const pages = pagesOf(Array.from({ length: 1000 }, (_, i) => i));
  const files = open(folder, { maxBytes: 60_000, clock: () => now });
  for (const key of ["a", "b", "c"]) {
    files.of(key).add(pages);
    now += 100_000;
  }
  assertEquals([files.stats.files, files.stats.evicted], [2, 1]);
  const [a, c] = [files.of("a"), files.of("c")];
  assertEquals([...a.read([1])], []);
  assertEquals([a.size, files.stats.damaged], [0, 0]);
  assertEquals([...c.read([1])].length, 1);
  a.add(pages);
  assertEquals([...a.read([5])].map(({ pages }) => pages), [[5]]);
});

Deno.test("TableFiles takes no page that is not as it was written", () => {
  using folder = new TempFolder();
  const records = [pagesOf([1, 2, 3]), pagesOf([7, 9])];
  const numbers = records.flatMap(({ pages }) => pages);
  for (const pages of records) open(folder).of("a").add(pages);
  open(folder).of("a").note([2]);
  const path = `${folder.path}/tables/${[...Deno.readDirSync(`${folder.path}/tables`)][0]!.name}`;
  const whole = Deno.readFileSync(path);
  const changed = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
    const bytes = whole.slice();
    bytes[at]! ^= change;
    return bytes;
  });
  const cut = fc.nat(whole.length - 1).map((length) => whole.slice(0, length));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed, cut), (bytes) => {
      Deno.writeFileSync(path, bytes);
      const stored = open(folder).of("a");
      for (const { table, pages } of stored.read(numbers)) {
        assertEquals(records.find((record) => record.pages.includes(pages[0]!))?.table, table);
      }
    }),
    { numRuns: 100 },
  );
});

testWith(["root", "mount"], "TableFiles says once that the disk is full, and counts it", async () => {
  await using logs = await collectLogs();
  using folder = new TempFolder();
  run("mount", ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", folder.path]);
  try {
    const files = open(folder);
    files.of("small").add(pagesOf([1]));
    const large = pagesOf(Array.from({ length: 20_000 }, (_, i) => i));
    for (const key of ["a", "b"]) files.of(key).add(large);
    assertEquals([files.stats.written, files.stats.failed], [1, 2]);
    assertEquals(logs.lines.length, 1);
    assertEquals(files.of("a").size, 0);
    assertEquals([...open(folder).of("small").read([1])].length, 1);
  } finally {
    run("umount", [folder.path]);
  }
});
