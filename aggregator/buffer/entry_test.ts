// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { batchMeta } from "../../tests/support/staged.ts";
import { lifetimeOf, seenKey } from "./entry.ts";

Deno.test("lifetimeOf() lets sequences go in their time, content in an hour, and nothing else", () => {
  const week = 7 * 86_400_000;
  assertEquals(lifetimeOf(seenKey(batchMeta()), week), { expireIn: week });
  assertEquals(lifetimeOf(seenKey(batchMeta({ content: "a hash" })), week), { expireIn: 3_600_000 });
  for (const key of [["aggregator"], ["head", 1], ["chunk", 1, 2], ["groups"], ["quarantine", 1]]) {
    assertEquals(lifetimeOf(key, week), {});
  }
});
