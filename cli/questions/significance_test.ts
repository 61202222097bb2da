// SPDX-License-Identifier: Apache-2.0
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { deviations, threshold } from "./significance.ts";

const side = (count: number, scale = 1) => ({ total: { value: 10 * count, count }, scale });

Deno.test("deviations() are those of two counts", () => {
  assertEquals(deviations(side(100), side(100)), 0);
  assertAlmostEquals(deviations(side(100), side(200)), 100 / Math.sqrt(300), 1e-9);
  assertAlmostEquals(deviations(side(200), side(100)), -100 / Math.sqrt(300), 1e-9);
  // Twice the time, and twice the samples: nothing changed.
  assertEquals(deviations(side(100), side(200, 0.5)), 0);
});

Deno.test("deviations() give a side without samples the spread of one", () => {
  assertAlmostEquals(deviations(side(0), side(3)), 3 / 2, 1e-9);
  assert(deviations(side(0), side(100)) > 9);
});

Deno.test("threshold() is the normal distribution's, for all rows at once", () => {
  // Quantiles of 1 - 0.0005 and 1 - 0.00005, as tables have them.
  assertAlmostEquals(threshold(1), 3.29, 0.06);
  assertAlmostEquals(threshold(10), 3.89, 0.06);
  assert(threshold(1000) > threshold(10) && threshold(1000) < 5.1);
});
