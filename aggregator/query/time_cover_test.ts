// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { COVER_RESOLUTIONS, type CoverResolution, coverTime } from "./time_cover.ts";

const DAY_MS = 86_400_000;
const moment = fc.oneof(
  fc.integer({ min: 0, max: 8 * DAY_MS }),
  fc.constantFrom(0, 60_000, 3_600_000, DAY_MS, 7 * DAY_MS),
);

/** Buckets of 10 s that begin within [from, to), in ms. */
function buckets(from: number, to: number): number[] {
  const first = Math.ceil(from / 10_000) * 10;
  return Array.from({ length: Math.max(0, Math.ceil((to / 1000 - first) / 10)) }, (_, i) => first + i * 10);
}

Deno.test("coverTime() covers each bucket once, in whole buckets of the tables", () => {
  fc.assert(
    fc.property(
      moment,
      moment,
      fc.constantFrom(Infinity, 10, 60, 300, 3600, 7200, 86_400),
      (from, to, step) => {
        const parts = coverTime(from, to, { step });
        for (const { resolution, from, to } of parts) {
          assert(from < to && from % resolution.step === 0 && to % resolution.step === 0);
          assert(step === Infinity || step % resolution.step === 0);
        }
        const covered = parts.flatMap(({ from, to }) => buckets(from * 1000, to * 1000));
        assertEquals(covered, buckets(from, to));
      },
    ),
  );
});

Deno.test("coverTime() reads few rows: the finer tables for edges alone, and no coarser one for less than is worth it", () => {
  const [days, hours, minutes] = COVER_RESOLUTIONS as [CoverResolution, CoverResolution, CoverResolution];
  fc.assert(fc.property(moment, moment, (from, to) => {
    const seconds = (step: number) =>
      coverTime(from, to).filter(({ resolution }) => resolution.step === step)
        .reduce((sum, part) => sum + part.to - part.from, 0);
    // On each side at most what is too short for the next table, with its edges.
    assert(seconds(10) < 2 * (minutes.least + 120) && seconds(60) < hours.least + 7200);
    assert(seconds(3600) < days.least + 2 * 86_400);
    for (const part of coverTime(from, to)) assert(part.to - part.from >= part.resolution.least);
  }));
});

Deno.test("coverTime() reads what the finer tables do not have any more from the coarser ones, once", () => {
  fc.assert(fc.property(moment, moment, fc.nat(80), fc.nat(80), (from, to, a, b) => {
    const oldest = { fine: Math.max(a, b) * 3600, minutes: Math.min(a, b) * 3600 };
    const parts = coverTime(from, to, { oldest });
    const finer = { "10s": oldest.fine, "1m": oldest.minutes, "1h": 0, "1d": 0 };
    let end = 0;
    for (const part of parts) {
      assert(part.from >= end && part.from * 1000 >= from && part.from * 1000 < to);
      end = part.to;
      assert(part.from >= finer[part.resolution.name]);
    }
    // Nothing is missing but what is less than a bucket of the next table.
    const missing = buckets(from, to).length * 10 - parts.reduce((sum, { from, to }) => sum + to - from, 0);
    assert(missing <= 2 * 3600, `${missing} s are missing`);
  }));
});

Deno.test("coverTime() takes all of time, and refuses what is no time", () => {
  assertEquals(coverTime(0, Infinity).map(({ resolution }) => resolution.suffix), ["_1d"]);
  assertEquals(coverTime(0, Infinity, { coarsest: "1h" }).map(({ resolution }) => resolution.suffix), [
    "_1h",
  ]);
  assertThrows(() => coverTime(NaN, 1), RangeError, "'from' is NaN");
  assertThrows(() => coverTime(0, NaN), RangeError, "'to' is NaN");
});
