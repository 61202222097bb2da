// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { quantile } from "./histogram.ts";

/** As the kernel counts it: less than 2 counts at 0. */
function histogramOf(values: readonly number[]): number[] {
  const histogram: number[] = [];
  for (const value of values) {
    const bucket = value < 2 ? 0 : Math.floor(Math.log2(value));
    while (histogram.length <= bucket) histogram.push(0);
    histogram[bucket]!++;
  }
  return histogram;
}

Deno.test("quantile() is within a factor of two of the true quantile", () => {
  const values = fc.array(fc.integer({ min: 1, max: 2 ** 40 }), { minLength: 1, maxLength: 200 });
  fc.assert(fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
    const sorted = values.toSorted((a, b) => a - b);
    const truth = sorted[Math.max(Math.ceil(q * sorted.length) - 1, 0)]!;
    const estimate = quantile(histogramOf(values), q);
    assert(estimate >= truth / 2 && estimate <= truth * 2, `${estimate} of ${truth}`);
  }));
});

Deno.test("quantile() does not fall as q grows", () => {
  const histogram = fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 48 });
  fc.assert(fc.property(histogram, (counts) => {
    const at = Array.from({ length: 21 }, (_, i) => quantile(counts, i / 20));
    assertEquals(at, at.toSorted((a, b) => a - b));
  }));
});

Deno.test("quantile() goes through a bucket evenly, and is 0 of no calls", () => {
  const histogram = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100];
  assertEquals([0, 0.25, 0.5, 1].map((q) => quantile(histogram, q)), [1024, 1280, 1536, 2048]);
  assertEquals(quantile([], 0.5), 0);
  assertEquals(quantile([0, 0], 0.5), 0);
});
