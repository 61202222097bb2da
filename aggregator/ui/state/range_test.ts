// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  clock,
  formatDuration,
  isoTime,
  parseDuration,
  parseMoment,
  shift,
  spanText,
  stepOf,
  widen,
  windowOf,
} from "./range.ts";

const NOW = Date.parse("2026-01-31T12:00:03.500Z");

Deno.test("parseMoment() reads ages, times and now", () => {
  assertEquals(parseMoment("now", NOW), NOW);
  assertEquals(parseMoment("-1h30m", NOW), NOW - 5_400_000);
  assertEquals(parseMoment("2026-01-31T11:00:00Z", NOW), NOW - 3_603_500);
  assertEquals(
    ["", "yesterday", "-", "-5x", "12"].map((text) => parseMoment(text, NOW)),
    Array(5).fill(undefined),
  );
});

Deno.test("formatDuration() writes what parseDuration() reads", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 10_000_000 }), (seconds) => {
    assertEquals(parseDuration(formatDuration(seconds * 1000)), seconds * 1000);
  }));
});

Deno.test("windowOf() is on storage's buckets, never empty, and a quarter of an hour where nothing can be read", () => {
  assertEquals(windowOf("-15m", "now", NOW), { from: NOW - 893_500, to: NOW + 6500 });
  assertEquals(windowOf("what", "now", NOW).to, NOW + 6500);
  fc.assert(fc.property(fc.integer({ min: 0, max: 1e7 }), fc.integer({ min: 0, max: 1e7 }), (a, b) => {
    const { from, to } = windowOf(isoTime(a * 1000), isoTime(b * 1000), NOW);
    assert(from < to && from % 10_000 === 0 && to % 10_000 === 0);
    assert(from <= Math.min(a, b) * 1000 && Math.max(a, b) * 1000 <= to);
  }));
});

Deno.test("stepOf() has no more steps than wished, but for what is longer than all steps", () => {
  for (const days of [0.01, 1, 7, 30]) {
    const window = { from: 0, to: days * 864e5 };
    assert(window.to / 1000 / stepOf(window, 200) <= 200);
  }
  assertEquals(stepOf({ from: 0, to: 10_000 }, 200), 10);
});

Deno.test("shift() and widen() keep to the buckets and to the point that is looked at", () => {
  assertEquals(shift({ from: 0, to: 600_000 }, -1), { from: -600_000, to: 0 });
  assertEquals(widen({ from: 0, to: 600_000 }, 2), { from: -300_000, to: 900_000 });
  assertEquals(widen({ from: 0, to: 600_000 }, 0.5, 1), { from: 300_000, to: 600_000 });
});

Deno.test("spanText() has dates where not all is of today, and years where they are not the present one", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  const text = (from: string, to: string) =>
    spanText({ from: Date.parse(from), to: Date.parse(to) }, { zone: "utc", now });
  assertEquals(text("2026-01-31T11:45:10Z", "2026-01-31T12:00:00Z"), "11:45:10 – 12:00");
  assertEquals(text("2026-01-30T23:30:10Z", "2026-01-31T00:30:00Z"), "01-30 23:30 – 01-31 00:30");
  assertEquals(text("2026-01-30T11:00:00Z", "2026-01-30T12:00:00Z"), "01-30 11:00 – 12:00");
  assertEquals(text("2025-12-31T23:30:00Z", "2026-01-01T00:30:00Z"), "2025-12-31 23:30 – 01-01 00:30");
});

Deno.test("clock() has the date where it is another day, and seconds where there are some", () => {
  const near = Date.parse("2026-01-31T12:00:00Z");
  assertEquals(clock(near, { zone: "utc", near }), "12:00");
  assertEquals(clock(near + 5000, { zone: "utc", near }), "12:00:05");
  assertEquals(clock(near - 864e5, { zone: "utc", near }), "2026-01-30 12:00");
  assertEquals(clock(near, { zone: "utc", near, seconds: true }), "12:00:00");
});
