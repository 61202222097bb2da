// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { type Held, sumOf, tooLarge } from "./held.ts";

const HELD: Held = {
  ...{ rssBytes: 200 << 20, heapBytes: 60 << 20, mapBytes: 40 << 20, descriptors: 170, threads: 8 },
  ...{ cpuSeconds: 1, events: 1, processes: 1, losses: [], lateMs: 0 },
};

Deno.test("tooLarge() takes a start and a sway for no growth, and finds what grows", () => {
  const rounds = (last: Partial<Held>) => [
    { ...HELD, rssBytes: 400 << 20, threads: 20 },
    ...Array.from({ length: 6 }, (_, i) => ({ ...HELD, rssBytes: (200 + i) << 20 })),
    { ...HELD, ...last },
  ];
  assertEquals(tooLarge(rounds({})), []);
  assertEquals(tooLarge(rounds({ descriptors: 300 })), ["There are 300 descriptors, and were 170"]);
  assertEquals(tooLarge(rounds({ rssBytes: 300 << 20 })).length, 1);
  assertEquals(tooLarge(rounds({ losses: ["a 3", "b 4"] })), ["7 events were lost: a 3, b 4"]);
  assertEquals(tooLarge([HELD]), []);
});

Deno.test("sumOf() adds up the series of one metric", () => {
  const text =
    '# HELP a_total x\na_total{kind="cpu",effect="lost"} 2\na_total{kind="lock",effect="less"} 3\na_totals 9\n';
  assertEquals([sumOf(text, "a_total"), sumOf(text, "a_total", 'effect="lost"'), sumOf(text, "none")], [
    5,
    2,
    0,
  ]);
});
