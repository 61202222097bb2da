import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { addSequence, hasSequence, MAX_RANGES, type Sequences } from "./sequences.ts";

function rangesOf(sequences: readonly number[]): Sequences {
  return sequences.reduce(
    (ranges, n) => hasSequence(ranges, n) ? ranges : addSequence(ranges, n),
    [] as Sequences,
  );
}

Deno.test("addSequence() of sequences in any order agrees with a set", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (sequences) => {
    const ranges = rangesOf(sequences);
    const seen = new Set(sequences);
    for (let n = 0; n <= 42; n++) assertEquals(hasSequence(ranges, n), seen.has(n));
    // Ranges are in order and do not touch.
    for (let i = 1; i < ranges.length; i++) {
      assertEquals(ranges[i]! >= ranges[i - 1]! + (i % 2 ? 0 : 2), true);
    }
  }));
});

Deno.test("addSequence() in order keeps one range", () => {
  assertEquals(rangesOf([1, 2, 3, 4]), [1, 4]);
  assertEquals(rangesOf([4, 3, 1, 2]), [1, 4]);
  assertEquals(rangesOf([7]), [7, 7]);
});

Deno.test("addSequence() takes the oldest gap as seen when there are too many", () => {
  const odd = Array.from({ length: MAX_RANGES + 1 }, (_, i) => 2 * i + 1);
  const ranges = rangesOf(odd);
  assertEquals(ranges.length, 2 * MAX_RANGES);
  assertEquals([hasSequence(ranges, 2), hasSequence(ranges, 4)], [true, false]);
});
