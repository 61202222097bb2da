// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { collectLogs } from "../../tests/support/log.ts";
import { MemoryKeeper, residentBytes, type Shed } from "./keeper.ts";

Deno.test("MemoryKeeper gives up the least useful first, one thing a window, as long as there is too much", async () => {
  await using logs = await collectLogs();
  const windows = [50, 150, 150, 80, 150, 150, 150, 150];
  const given: (Shed | "free")[] = [];
  const keeper = new MemoryKeeper({
    bytes: 100,
    resident: () => windows.shift()!,
    giveBack: () => given.push("free"),
    shed: (what) => given.push(what),
  });
  while (windows.length > 0) keeper.endWindow();
  assertEquals(given.filter((what) => what !== "free"), [
    ...["debug_info", "symbol_tables"],
    ...["debug_info", "symbol_tables", "frames", "debug_info"],
  ]);
  assertEquals(given.filter((what) => what === "free").length, 8);
  assertEquals(keeper.stats, { debug_info: 3, symbol_tables: 2, frames: 1 });
  assertEquals(logs.lines.length, 1);
});

Deno.test("residentBytes() is the sum of those that are there", () => {
  const own = residentBytes([Deno.pid]);
  assert(own > 10 << 20);
  const both = residentBytes([Deno.pid, 4_194_303]);
  assert(both > 0.5 * own && both < 2 * own);
});
