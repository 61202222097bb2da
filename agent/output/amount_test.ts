// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { formatAmount, formatPercent } from "./amount.ts";

Deno.test("formatAmount() takes the largest unit that fits", () => {
  const ns = [0, 999, 12_345, 1e6, 1.85e9, 61e9, 7200e9].map((n) => formatAmount(n, "nanoseconds"));
  assertEquals(ns, ["0 ns", "999 ns", "12.3 µs", "1.00 ms", "1.85 s", "1.02 min", "2.00 h"]);
  assertEquals([1, 1980].map((n) => formatAmount(n, "count")), ["1 sample", "1,980 samples"]);
});

Deno.test("formatPercent() does not round what is there to nothing", () => {
  assertEquals([0, 0.0001, 0.1234, 1].map(formatPercent), ["0.0 %", "<0.1 %", "12.3 %", "100.0 %"]);
});
