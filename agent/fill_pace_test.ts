// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FillPace, WATERMARK } from "./fill_pace.ts";

Deno.test("FillPace.next() is long while nothing comes, however full a map is", () => {
  for (const fill of [0, 0.1, 0.39]) {
    const pace = new FillPace();
    assertEquals([pace.next(fill, 0), pace.next(fill, 50), pace.next(fill, 100)], [50, 50, 50]);
  }
});

Deno.test("FillPace.next() is short when a map fills fast, and after that was drained", () => {
  const pace = new FillPace();
  pace.next(0, 0);
  assertEquals(pace.next(0.2, 50), 10);
  assertEquals(pace.next(0.1, 60), 10);
  assertEquals(pace.next(0.1, 110), 50);
});

Deno.test("FillPace.next() is longer where it is known how fast a map fills at most", () => {
  assertEquals(new FillPace(2000).next(0, 0), 400);
  assertEquals(new FillPace(60_000).next(0, 0), 1000);
  assertEquals(new FillPace(10).next(0, 0), 50);
});

Deno.test("FillPace.next() sees a map pass the watermark before it is full, at whatever speed it begins to fill", () => {
  const speed = fc.record({
    /** From empty to full. */
    fillsInMs: fc.integer({ min: 90, max: 100_000 }),
    quietUntil: fc.nat(3000),
    begins: fc.float({ min: 0, max: Math.fround(0.39), noNaN: true }),
  });
  fc.assert(fc.property(speed, ({ fillsInMs, quietUntil, begins }) => {
    const fillAt = (now: number) => begins + Math.max(0, now - quietUntil) / fillsInMs;
    for (const pace of [new FillPace(), new FillPace(fillsInMs)]) {
      let now = 0;
      while (fillAt(now) < WATERMARK) now += pace.next(fillAt(now), now);
      assert(fillAt(now) < 1, `${fillAt(now)} at ${now}`);
    }
  }));
});
