// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch } from "@std/assert";
import { testHandler } from "../../tests/support/http_handler.ts";

Deno.test("GET /api/locks answers sites with their holders, idle ones when asked", async () => {
  const ask = testHandler();
  const { sites, total, selection } = await (await ask("/api/locks?limit=2&holders=1")).json();
  assertEquals([selection.kind, selection.idle], ["lock", false]);
  assertEquals(sites.map((site: { function: string }) => site.function), [
    "XLogInsertRecord",
    "BufTableLookup",
  ]);
  assertEquals(sites[0].other_holders, { value: 0.4e9, count: 1000 });
  assertEquals(total.count, 40_300);
  const idle = await (await ask("/api/locks?idle=true")).json();
  assertEquals(idle.sites[0].class, "condvar");
});

Deno.test("GET /api/syscalls answers errors by name and a rate, by labels when asked", async () => {
  const ask = testHandler();
  const { rows, group_by } = await (await ask("/api/syscalls?from=-10s&group_by=comm,node")).json();
  assertEquals(group_by, ["comm", "node"]);
  const recv = rows.find((row: { call: string }) => row.call === "recvfrom");
  assertEquals(recv.errors, { EAGAIN: 201_400, ECONNRESET: 2 });
  assertEquals([recv.group, recv.rate, recv.failed], [["postgres", ""], 64_000, 201_402]);
});

Deno.test("GET /api/syscalls refuses labels that there are not", async () => {
  const response = await testHandler()("/api/syscalls?group_by=comm,colour");
  assertEquals(response.status, 400);
  assertMatch((await response.json()).error.message, /'group_by' as it is not a list of different labels/);
});
