import { assertEquals } from "@std/assert";
import { missRestMs } from "./pauses.ts";

Deno.test("missRestMs() doubles up to a day, or to what cache_miss_s says", () => {
  const minute = 60_000;
  assertEquals([1, 2, 3, 9, 100].map((misses) => missRestMs(10 * minute, misses) / minute), [
    ...[10, 20, 40, 1440, 1440],
  ]);
  assertEquals(missRestMs(5000 * minute, 3), 5000 * minute);
  assertEquals(missRestMs(0, 100), 0);
});
