// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { collectLogs } from "../../tests/support/log.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { MemoryKeeper, residentBytes, type Shed } from "./keeper.ts";

Deno.test("MemoryKeeper gives up the least useful first, one thing a window, as long as there is too much", async () => {
  await using logs = await collectLogs();
  const given: (Shed | "free")[] = [];
  let held = 0;
  const keeper = new MemoryKeeper({
    bytes: 100,
    resident: () => held,
    giveBack: () => given.push("free"),
    shed: (what) => given.push(what),
  });
  for (held of [50, 150, 150, 80, 150, 150, 150, 150]) keeper.endWindow();
  assertEquals(given.filter((what) => what !== "free"), [
    ...["debug_info", "symbol_tables"],
    ...["debug_info", "symbol_tables", "frames", "debug_info"],
  ]);
  // Within some seconds where there is too much, and for the first time.
  assertEquals(given.filter((what) => what === "free").length, 7);
  assertEquals(keeper.stats, { debug_info: 3, symbol_tables: 2, frames: 1 });
  assertEquals(logs.lines.length, 1);
});

Deno.test("MemoryKeeper gives back what is free once a minute, in seconds where much is held, and in each window where too much is", () => {
  let [held, now, given] = [50, 0, 0];
  const keeper = new MemoryKeeper({
    bytes: 100,
    resident: () => held,
    giveBack: () => given++,
    shed: () => {},
    clock: () => now,
  });
  for (now of [0, 1000, 5000, 59_999, 60_000, 65_000]) keeper.endWindow();
  assertEquals(given, 2);
  held = 80;
  for (now of [65_001, 66_000, 69_999, 70_001]) keeper.endWindow();
  assertEquals(given, 4);
  held = 101;
  for (now of [70_002, 70_003]) keeper.endWindow();
  assertEquals(given, 6);
  held = 80;
  for (now of [70_004, 70_005, 75_004]) keeper.ease();
  assertEquals(given, 8);
});

Deno.test("MemoryKeeper.ease() gives back what is free where much is held, and gives up nothing", () => {
  let held = 0;
  const given: (Shed | "free")[] = [];
  const keeper = new MemoryKeeper({
    bytes: 100,
    resident: () => held,
    giveBack: () => given.push("free"),
    shed: (what) => given.push(what),
  });
  for (held of [50, 75, 76, 150]) keeper.ease();
  assertEquals(given, ["free", "free"]);
});

Deno.test("residentBytes() is the sum of those that are there, but files count once", () => {
  using folder = new TempFolder();
  const write = (pid: number, anon: number, file: number) => {
    folder.write(
      `${pid}/status`,
      `Name:\tdeno\nRssAnon:\t ${anon} kB\nRssFile:\t ${file} kB\nRssShmem:\t 1 kB\n`,
    );
  };
  write(1, 100, 30);
  write(2, 50, 40);
  assertEquals(residentBytes([1, 2, 3], folder.path), 1024 * (101 + 51 + 40));
  assert(residentBytes([Deno.pid]) > 10 << 20);
});
