// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { BriefProcesses, listProcesses } from "./brief_processes.ts";

Deno.test("BriefProcesses tells processes that began and ended within a window from all others", () => {
  let alive = new Set([1, 2]);
  const processes = new BriefProcesses(() => alive);
  alive = new Set([1, 3, 5]);
  const early = processes.look();
  alive = new Set([1, 3]);
  const first = processes.endWindow();
  // 2 was there before, 3 goes on, 4 came and went, and so did 5 after the first look.
  const all = [1, 2, 3, 4, 5];
  assertEquals([early, first].map((brief) => all.filter((pid) => brief.has(pid))), [[4], [4, 5]]);
  alive = new Set([1]);
  // 3 lived in two windows.
  const second = processes.endWindow();
  assertEquals(all.filter((pid) => second.has(pid)), [2, 4, 5]);
  assertEquals(all.filter((pid) => first.has(pid)), [4, 5]);
});

Deno.test("listProcesses() lists this process, and no thread or other file of /proc", () => {
  const pids = listProcesses();
  assert(pids.has(Deno.pid) && pids.has(1));
  for (const pid of pids) assert(Number.isInteger(pid) && pid > 0);
});
