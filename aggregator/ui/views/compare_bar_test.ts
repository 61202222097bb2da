// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { baseOf } from "./compare_bar.ts";

const WINDOW = { from: 7_200_000, to: 7_800_000 };

Deno.test("baseOf() is the time before, an earlier one, another range, or another selection", () => {
  const of = (base: string) => baseOf({ base, match: 'node="a"' }, WINDOW);
  assertEquals(of("previous").window, { from: 6_600_000, to: 7_200_000 });
  assertEquals(of("-1h").window, { from: 3_600_000, to: 4_200_000 });
  assertEquals(of("1970-01-01T00:00:00Z/1970-01-01T01:00:00Z").window, { from: 0, to: 3_600_000 });
  assertEquals(of('{node="b"}'), { window: WINDOW, match: 'node="b"' });
  assertEquals(of("what").window, { from: 6_600_000, to: 7_200_000 });
});
