// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { missRetryMs } from "./retry_after.ts";

Deno.test("missRetryMs() doubles up to a day, or to what cache_miss_s says", () => {
  const minute = 60_000;
  assertEquals([1, 2, 3, 9, 100].map((misses) => missRetryMs(10 * minute, misses) / minute), [
    ...[10, 20, 40, 1440, 1440],
  ]);
  assertEquals(missRetryMs(5000 * minute, 3), 5000 * minute);
  assertEquals(missRetryMs(0, 100), 0);
});
