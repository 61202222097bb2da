import { assert, assertEquals } from "@std/assert";
import { Loudness, missRestMs, pauseMs } from "./pauses.ts";

Deno.test("missRestMs() doubles up to a day, or to what cache_miss_s says", () => {
  const minute = 60_000;
  assertEquals([1, 2, 3, 9, 100].map((misses) => missRestMs(10 * minute, misses) / minute), [
    ...[10, 20, 40, 1440, 1440],
  ]);
  assertEquals(missRestMs(5000 * minute, 3), 5000 * minute);
  assertEquals(missRestMs(0, 100), 0);
});

Deno.test("pauseMs() doubles up to its bound, by chance up to a half less", () => {
  for (const [failures, most] of [[1, 100], [2, 200], [3, 400], [4, 500], [5000, 500]] as const) {
    const pause = pauseMs(failures, { firstMs: 100, maxMs: 500 });
    assert(pause >= most / 2 && pause <= most, `${pause} after ${failures}`);
  }
});

Deno.test("Loudness is loud once, and again after ten quiet minutes", () => {
  let now = 0;
  const burst = new Loudness(() => now);
  const levels = [0, 1, 500, 1000, 1601, 1602].map((seconds) => {
    now = 1000 * seconds;
    return burst.level();
  });
  assertEquals(levels, ["warn", "debug", "debug", "debug", "warn", "debug"]);
});
