// SPDX-License-Identifier: Apache-2.0
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { compareEstimates, estimate, estimateShare, estimateSum, judge } from "./estimate.ts";

/** Draws Poisson-distributed numbers by multiplying uniform ones, from a seed. */
function poissonOf(seed: number): (mean: number) => number {
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = (t + Math.imul(t ^ t >>> 7, 61 | t)) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
  return (mean) => {
    let count = 0;
    for (let left = mean; left > 0; left -= 500) {
      const limit = Math.exp(-Math.min(left, 500));
      for (let product = random(); product > limit; product *= random()) count++;
    }
    return count;
  };
}

const rule = { operator: "gt", threshold: 1, minSamples: 100 } as const;

Deno.test("chance alone passes the threshold of what has not changed in fewer than 1 of 300 comparisons", () => {
  const poisson = poissonOf(7);
  let passed = 0;
  for (let i = 0; i < 3000; i++) {
    const [now, base] = [0, 0].map(() => {
      const [hits, others] = [poisson(40), poisson(960)];
      return estimateShare(hits, hits + others, 3);
    }) as [ReturnType<typeof estimateShare>, ReturnType<typeof estimateShare>];
    if (judge(compareEstimates(now, base, "ratio"), rule) === "over") passed++;
  }
  assert(passed <= 10, `${passed} of 3000`);
});

Deno.test("what has grown from 10 % to 40 % is seen in each of a thousand comparisons", () => {
  const poisson = poissonOf(11);
  for (let i = 0; i < 1000; i++) {
    const [before, after] = [100, 400].map((mean) => {
      const [hits, others] = [poisson(mean), poisson(1000 - mean)];
      return estimateShare(hits, hits + others, 3);
    }) as [ReturnType<typeof estimateShare>, ReturnType<typeof estimateShare>];
    assertEquals(judge(compareEstimates(after, before, "ratio"), { ...rule, threshold: 1.5 }), "over");
    assertEquals(judge(compareEstimates(after, before, "difference"), { ...rule, threshold: 0.15 }), "over");
  }
});

Deno.test("estimateSum() allows for waits of very different lengths", () => {
  const poisson = poissonOf(3);
  let outside = 0;
  for (let i = 0; i < 2000; i++) {
    // A hundred short ones and now and then a long one.
    const [short, long] = [poisson(100), poisson(2)];
    const sum = short + long * 50;
    const max = long > 0 ? 50 : 1;
    const measured = estimateSum({ sum, count: short + long, max, scale: 1 }, { noise: 3, samples: sum });
    if (200 < measured.value - measured.down || (long > 0 && 200 > measured.value + measured.up)) outside++;
  }
  assert(outside <= 10, `${outside} of 2000`);
});

Deno.test("compareEstimates() takes what was not there for the most that it may have been", () => {
  const gone = estimateShare(0, 1000, 3);
  const now = estimateShare(300, 1000, 3);
  const grown = compareEstimates(now, gone, "ratio");
  assertAlmostEquals(grown.value, 0.3 / 0.003);
  assertEquals(compareEstimates(gone, gone, "ratio").value, 1);
  assertEquals(
    judge(compareEstimates(gone, now, "ratio"), { ...rule, operator: "lt", threshold: 0.5 }),
    "over",
  );
});

Deno.test("judge() says nothing of too few samples, and each operator what it is called", () => {
  const of = (operator: "gt" | "gte" | "lt" | "lte" | "eq", value: number, deviation = 0) =>
    judge(estimate(value, deviation, 100), { operator, threshold: 2, minSamples: 100 });
  assertEquals(judge(estimate(5, 0, 99), { ...rule, threshold: 2 }), "unknown");
  assertEquals(judge(estimate(NaN, 0, 100), rule), "unknown");
  assertEquals([of("gt", 2), of("gt", 2.1), of("gt", 2.1, 0.2)], ["under", "over", "under"]);
  assertEquals([of("gte", 2), of("gte", 1.9), of("gte", 2, 0.1)], ["over", "under", "under"]);
  assertEquals([of("lt", 2), of("lt", 1.9), of("lt", 1.9, 0.2)], ["under", "over", "under"]);
  assertEquals([of("lte", 2), of("lte", 2.1), of("lte", 2, 0.1)], ["over", "under", "under"]);
  assertEquals([of("eq", 2, 9), of("eq", 2.1, 9)], ["over", "under"]);
});

Deno.test("more noise never makes a condition hold that does not hold with less", () => {
  const counts = fc.tuple(fc.nat(1000), fc.nat(1000)).map(([a, b]) =>
    [Math.min(a, b), Math.max(a, b, 1)] as const
  );
  const properties = fc.property(
    counts,
    counts,
    fc.constantFrom("ratio" as const, "difference" as const),
    fc.constantFrom("gt" as const, "gte" as const, "lt" as const, "lte" as const),
    fc.double({ min: -1, max: 5, noNaN: true }),
    (now, base, as, operator, threshold) => {
      const at = (noise: number) => {
        const [a, b] = [estimateShare(...now, noise), estimateShare(...base, noise)];
        return judge(compareEstimates(a, b, as), { operator, threshold, minSamples: 1 });
      };
      if (base[0] > 0 && at(4) === "over") assertEquals(at(2), "over");
    },
  );
  fc.assert(properties);
});
