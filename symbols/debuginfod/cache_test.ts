// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { tinyElf } from "../../tests/support/tiny_elf.ts";
import { DebugFileCache } from "./cache.ts";

const DAY = 86_400_000;
const [A, B, C] = ["aaaa0001", "bbbb0002", "cccc0003"] as const;
const SIZE = tinyElf(A).length;

async function put(cache: DebugFileCache, buildId: string): Promise<void> {
  const { path, file } = await cache.createPart();
  await file.write(tinyElf(buildId));
  file.close();
  await cache.keep(buildId, path, { size: SIZE, modified: new Date("2024-01-02T03:04:05Z") });
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** Sets the file's times as if it had been read last so many days ago. */
function read(path: string, days: number): void {
  Deno.utimeSync(path, new Date(Date.now() - days * DAY), new Date());
}

Deno.test("DebugFileCache keeps files where other clients look, not to be written to", async () => {
  using folder = new TempFolder();
  const cache = await DebugFileCache.open({ folder: `${folder.path}/a/b`, maxBytes: 10 * SIZE });
  assertEquals(await cache.look(A), undefined);
  await put(cache, A);
  assertEquals(await cache.look(A), "found");
  assertEquals(cache.pathOf(A), `${folder.path}/a/b/${A}/debuginfo`);
  const { mode, mtime } = Deno.statSync(cache.pathOf(A));
  assertEquals([mode! & 0o777, mtime], [0o400, new Date("2024-01-02T03:04:05Z")]);
  assertEquals(Deno.statSync(`${folder.path}/a/b`).mode! & 0o777, 0o700);
  assertEquals(names(`${folder.path}/a/b`), [A, "aperture_files"]);
});

Deno.test("DebugFileCache.look() takes no file of another build id, which keep() replaces", async () => {
  using folder = new TempFolder();
  const cache = await DebugFileCache.open({ folder: folder.path, maxBytes: 10 * SIZE });
  folder.write(`${A}/debuginfo`, tinyElf(B));
  assertEquals(await cache.look(A), undefined);
  await put(cache, A);
  assertEquals(await cache.look(A), "found");
});

Deno.test("DebugFileCache believes that a file is missing for as long as cache_miss_s says", async () => {
  using folder = new TempFolder();
  let now = Date.now();
  const cache = await DebugFileCache.open({ folder: folder.path, maxBytes: SIZE, clock: () => now });
  await cache.markMissing(A);
  assertEquals([await cache.look(A), await cache.missMs()], ["missing", 600_000]);
  now += 700_000;
  assertEquals(await cache.look(A), undefined);
  folder.write("cache_miss_s", "100000\n");
  assertEquals(await cache.look(A), "missing");
  folder.write("cache_miss_s", "junk");
  assertEquals(await cache.look(A), undefined);
  await put(cache, A);
  assertEquals(await cache.look(A), "found");
  await cache.markMissing(A);
  assertEquals(await cache.look(A), "found");
});

Deno.test("DebugFileCache removes what was read longest ago, of its own files, also of an earlier run", async () => {
  using folder = new TempFolder();
  const options = { folder: folder.path, maxBytes: 2 * SIZE };
  folder.write("dddd/debuginfo", tinyElf("dddd"));
  read(`${folder.path}/dddd/debuginfo`, 5);
  folder.write(`${B}/executable`, "of gdb");
  const first = await DebugFileCache.open(options);
  await put(first, A);
  await put(first, B);
  read(first.pathOf(A), 1);
  read(first.pathOf(B), 2);
  const second = await DebugFileCache.open(options);
  assertEquals(second.bytes, 2 * SIZE);
  await put(second, C);
  assertEquals([second.bytes, second.evicted], [2 * SIZE, 1]);
  assertEquals(await Promise.all([A, B, C, "dddd"].map((id) => second.look(id))), [
    ...["found", undefined, "found", "found"],
  ]);
  assertEquals(names(`${folder.path}/${B}`), ["executable"]);
});

Deno.test("DebugFileCache.clean() removes what was not read for max_unused_age_s, each cache_clean_interval_s", async () => {
  using folder = new TempFolder();
  let now = Date.now();
  const cache = await DebugFileCache.open({ folder: folder.path, maxBytes: 9 * SIZE, clock: () => now });
  await cache.clean();
  assertEquals(Deno.readTextFileSync(`${folder.path}/cache_clean_interval_s`), "86400");
  await put(cache, A);
  await put(cache, B);
  for (const name of ["debuginfo", "executable", "source##main.c"]) {
    read(folder.write(`dddd/${name}`, "x"), 8);
  }
  folder.write("notes/debuginfo", "of somebody else");
  read(`${folder.path}/notes/debuginfo`, 8);
  read(cache.pathOf(A), 8);
  read(cache.pathOf(B), 3);
  await cache.clean();
  assert(Deno.statSync(cache.pathOf(A)).isFile); // It is not time yet.
  now += 1.5 * DAY;
  await cache.clean();
  const controls = ["aperture_files", "cache_clean_interval_s"];
  assertEquals(names(folder.path), [...controls.slice(0, 1), B, ...controls.slice(1), "notes"]);
  assertEquals(cache.bytes, SIZE);
  folder.write("max_unused_age_s", "0");
  now += 2 * DAY;
  await cache.clean();
  assertEquals(await cache.look(B), undefined);
});

Deno.test("DebugFileCache.open() removes parts that nobody writes any more", async () => {
  using folder = new TempFolder();
  const old = folder.write("aperture_part_1_1", "x");
  Deno.utimeSync(old, new Date(Date.now() - DAY), new Date(Date.now() - DAY));
  folder.write("aperture_part_2_2", "x");
  folder.write("aperture_files", `../../etc\n${A}\nnothing here\n`);
  const cache = await DebugFileCache.open({ folder: folder.path, maxBytes: SIZE });
  assertEquals([names(folder.path), cache.bytes], [["aperture_files", "aperture_part_2_2"], 0]);
});

Deno.test("DebugFileCache.createPart() leaves what is there, and follows no link", async () => {
  using folder = new TempFolder();
  using elsewhere = new TempFolder();
  const cache = await DebugFileCache.open({ folder: folder.path, maxBytes: SIZE });
  // What the next two would be called.
  const parts = [await cache.createPart()];
  const [, number] = /_(\d+)$/.exec(parts[0]!.path)!;
  const next = (ahead: number) => parts[0]!.path.replace(/\d+$/, `${Number(number) + ahead}`);
  Deno.writeTextFileSync(next(1), "of another agent");
  Deno.symlinkSync(elsewhere.write("victim", "untouched"), next(2));
  parts.push(await cache.createPart());
  for (const { file } of parts) file.close();
  assertEquals(parts[1]!.path, next(3));
  assertEquals(Deno.readTextFileSync(next(1)), "of another agent");
  assertEquals(Deno.readTextFileSync(`${elsewhere.path}/victim`), "untouched");
});

Deno.test("DebugFileCache.open() says why a folder cannot be used", async () => {
  using folder = new TempFolder();
  const file = folder.write("file", "");
  await assertRejects(() => DebugFileCache.open({ folder: `${file}/below`, maxBytes: SIZE }), Error);
  const error = await DebugFileCache.open({ folder: "/proc/1/nothing", maxBytes: SIZE }).catch((e) => e);
  assert(error instanceof Error);
});
