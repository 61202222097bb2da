// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import type { CodeFile } from "../elf/code_file.ts";
import { ReadAhead } from "./read_ahead.ts";
import { PAGE_BYTES } from "./table.ts";

/** A file whose code is in the pages from `first` to `last`. */
function fileOf(id: number, first: number, last: number): CodeFile {
  const segment = {
    ...{ offset: 0, address: first * PAGE_BYTES, fileSize: (last - first + 1) * PAGE_BYTES },
    executable: true,
  };
  return { id, retired: false, elf: { segments: [segment] } } as unknown as CodeFile;
}

/** Returns all turns, in the order in which they come. */
function turnsOf(ahead: ReadAhead, room = Infinity): { file: number; pages: number[] }[] {
  const loaded = new Set<string>();
  const store = {
    has: (file: number, page: number) => loaded.has(`${file} ${page}`),
    hasRoomFor: ({ pages }: { pages: number }) => loaded.size + pages <= room,
  };
  const turns: { file: number; pages: number[] }[] = [];
  for (let turn = ahead.next(store); turn; turn = ahead.next(store)) {
    const { file, pages } = turn;
    for (const page of pages) loaded.add(`${file.id} ${page}`);
    turns.push({ file: file.id, pages: [...pages].sort((a, b) => a - b) });
  }
  return turns;
}

Deno.test("ReadAhead goes outward from what was missed, within the code, and gives no page twice", () => {
  const ahead = new ReadAhead();
  ahead.add(fileOf(1, 10, 30), 12);
  assertEquals(turnsOf(ahead).map(({ pages }) => pages), [
    [10, 11, 13, 14, 15, 16],
    ...[[17, 18, 19, 20], [21, 22, 23, 24], [25, 26, 27, 28], [29, 30]],
  ]);
});

Deno.test("ReadAhead has most of the file that was missed most, but others get their turns", () => {
  const ahead = new ReadAhead();
  const [hot, cold] = [fileOf(1, 0, 10_000), fileOf(2, 0, 10_000)];
  for (let miss = 0; miss < 10; miss++) ahead.add(hot, 5000);
  ahead.add(cold, 5000);
  const files = turnsOf(ahead).slice(0, 12).map(({ file }) => file);
  assertEquals(files[0], 1);
  assertEquals(files.filter((file) => file === 2).length, 1, files.join());
});

Deno.test("ReadAhead ends where there is no room, and far from what was missed", () => {
  const ahead = new ReadAhead();
  ahead.add(fileOf(1, 0, 10_000), 5000);
  assertEquals(turnsOf(ahead, 20).flatMap(({ pages }) => pages).length, 16);
  const far = new ReadAhead();
  far.add(fileOf(1, 0, 10_000), 5000);
  const pages = turnsOf(far).flatMap(({ pages }) => pages);
  assertEquals([Math.min(...pages), Math.max(...pages)], [5000 - 128, 5000 + 128]);
});

Deno.test("ReadAhead leaves out no page near those that were missed, however many these are", () => {
  const ahead = new ReadAhead();
  const file = fileOf(1, 0, 100_000);
  const missed = Array.from({ length: 40 }, (_, i) => 1000 + i * 1000);
  for (const page of missed) ahead.add(file, page);
  const turns = turnsOf(ahead);
  assert(turns.every(({ pages }) => pages.length <= 64));
  const pages = turns.flatMap(({ pages }) => pages).sort((a, b) => a - b);
  const near = Array.from({ length: 2 * 128 + 1 }, (_, i) => i - 128).filter((step) => step !== 0);
  assertEquals(pages, missed.flatMap((page) => near.map((step) => page + step)));
});

Deno.test("ReadAhead gives no more pages in a turn than are asked for, and leaves out none", () => {
  const ahead = new ReadAhead();
  ahead.add(fileOf(1, 0, 10_000), 5000);
  const store = { has: () => false, hasRoomFor: () => true };
  const given: number[] = [];
  for (let turn = ahead.next(store, { most: 3 }); turn; turn = ahead.next(store, { most: 3 })) {
    assert(turn.pages.size <= 3);
    given.push(...turn.pages);
  }
  assertEquals([given.length, new Set(given).size], [2 * 128, 2 * 128]);
});

Deno.test("ReadAhead comes to an end where nothing can be loaded", () => {
  const ahead = new ReadAhead();
  const file = fileOf(1, 0, 100_000);
  for (let i = 0; i < 40; i++) ahead.add(file, 1000 + i * 1000);
  const store = { has: () => false, hasRoomFor: () => true };
  let pages = 0;
  for (let turn = ahead.next(store); turn; turn = ahead.next(store)) pages += turn.pages.size;
  assertEquals(pages, 40 * 2 * 128);
});

Deno.test("ReadAhead begins anew near another page that is missed, and has nothing of files that are given up", () => {
  const ahead = new ReadAhead();
  const file = fileOf(1, 0, 1000);
  ahead.add(file, 100);
  turnsOf(ahead);
  ahead.add(file, 900);
  const pages = turnsOf(ahead).flatMap(({ pages }) => pages);
  assert(pages.includes(901) && pages.includes(101));
  ahead.add({ ...file, retired: true }, 500);
  ahead.clear();
  assertEquals(turnsOf(ahead), []);
});
