// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { assertEquals } from "@std/assert";
import { slowText } from "./slow_calls.ts";

Deno.test("the time of slow calls is split into work, locks and the rest", () => {
  const slow = { total: { value: 8e9, count: 1200 }, on_cpu: 1e9, in_lock: 3e9, blocked: 4e9 };
  assertEquals(
    slowText(slow),
    "1\u2009200 slow calls took 8.00 s: on a CPU 1.00 s (12.5 %), for locks of the kernel 3.00 s (37.5 %), " +
      "blocked 4.00 s (50.0 %)",
  );
});
