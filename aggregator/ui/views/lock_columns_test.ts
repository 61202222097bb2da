// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { assertEquals } from "@std/assert";
import { LOCK_SITES } from "../../../tests/support/fleet_waits.ts";
import { openText } from "../parts/wait_columns.ts";
import { holderName, holdersText } from "./lock_columns.ts";

Deno.test("those who held a lock are told apart from those who only woke", () => {
  const [condvar, mutex] = LOCK_SITES;
  assertEquals(holdersText(condvar!), "woken by SetLatch 100 %");
  assertEquals(holdersText(mutex!), "held by XLogWrite 72.6 %, CopyXLogRecordToWAL 22.6 %");
  assertEquals(holdersText({ ...mutex!, holders: [] }), "");
  assertEquals(holdersText(LOCK_SITES[3]!), "held by somebody unseen 100 %");
  const [seen, ...others] = mutex!.holders;
  const unseen = { ...seen!, function: "", thread: "" };
  assertEquals(
    holdersText({ ...mutex!, holders: [unseen, ...others] }),
    "held by somebody unseen 72.6 %, CopyXLogRecordToWAL 22.6 %",
  );
});

Deno.test("a holder without code is its thread", () => {
  const holder = LOCK_SITES[1]!.holders[0]!;
  assertEquals(holderName({ ...holder, function: "", thread: "worker" }), "thread worker");
  assertEquals(holderName({ ...holder, function: "" }), "somebody unseen");
});

Deno.test("what goes on is said with since when", () => {
  assertEquals(openText({ open: 3, oldest: 1.2e9 }), "3 · 1.20 s");
  assertEquals(openText({ open: 0, oldest: 0 }), "");
});
