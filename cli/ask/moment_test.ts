// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseTime } from "../../aggregator/http/time.ts";
import { before, formatMoment, parseMoment } from "./moment.ts";

Deno.test("parseMoment() reads ages, moments, and nothing else", () => {
  assertEquals(parseMoment("now"), { ago: 0 });
  for (const text of ["15m", "-15m", "now-15m"]) assertEquals(parseMoment(text), { ago: 900_000 });
  assertEquals(parseMoment("now-1h30m"), { ago: 5_400_000 });
  assertEquals(parseMoment("2026-01-31T12:00Z"), { at: Date.UTC(2026, 0, 31, 12) });
  assertEquals(parseMoment("1767225600"), { at: 1_767_225_600_000 });
  for (const text of ["", "15", "now+1h", "tomorrow", "2026-01-31", "--1h"]) {
    assertEquals(parseMoment(text), undefined, text);
  }
});

Deno.test("formatMoment() writes what the aggregator reads as the same time", () => {
  const now = 1_800_000_000_000;
  assertEquals(formatMoment({ ago: 900_000 }), "-15m");
  assertEquals(formatMoment({ ago: 0 }), "now");
  fc.assert(fc.property(fc.nat({ max: 10 ** 10 }), fc.nat({ max: 10 ** 9 }), (ago, more) => {
    assertEquals(parseTime(formatMoment(before({ ago }, more)), now), now - ago - more);
    assertEquals(parseTime(formatMoment(before({ at: now - ago }, more)), now), now - ago - more);
    assert(parseMoment(formatMoment({ ago })) !== undefined);
  }));
});
