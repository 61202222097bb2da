// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { amountText, formatNormed, kindText, measureOf, normTexts } from "./kind_words.ts";

const HEAP = "memory:inuse_space:bytes:space:bytes";
const OBJECTS = "memory:alloc_objects:objects:space:bytes";
const WALL = "wall:wall:nanoseconds:wall:nanoseconds";

Deno.test("kindText() does not say a type twice", () => {
  const kinds = ["cpu", HEAP, WALL, "goroutines:goroutine:count:goroutine:count"] as const;
  assertEquals(kinds.map(kindText), ["CPU", "memory inuse_space", "wall", "goroutines"]);
});

Deno.test("measureOf() has cores of nanoseconds, and of what is no time the sum of a step", () => {
  const written = (kind: Parameters<typeof measureOf>[0], value: number) => {
    const { text, scale, format } = measureOf(kind, 20);
    return `${format(value * scale)} ${text}`;
  };
  assertEquals(written("cpu", 30e9), "1.50 cores busy");
  assertEquals(written(WALL, 30e9), "1.50 wall, seconds a second");
  assertEquals(
    written("off:off_cpu:milliseconds::", 30e3),
    "1.50 off off_cpu, seconds a second",
  );
  assertEquals(written(HEAP, 3 * 2 ** 20), "3.00 MiB memory inuse_space, bytes in each 20s");
  assertEquals(written(OBJECTS, 1234), "1\u2009234 objects memory alloc_objects, objects in each 20s");
});

Deno.test("sides are compared in words of their kind: nothing but time keeps cores busy", () => {
  assertEquals(Object.values(normTexts("cpu")), ["Share", "Cores", "Seconds"]);
  assertEquals(Object.values(normTexts("lock")), ["Share", "Threads", "Seconds"]);
  assertEquals(Object.values(normTexts(HEAP)), ["Share", "Per second", "Amount"]);
  const norms = ["share", "core", "second"] as const;
  assertEquals(norms.map((norm) => formatNormed(0.5, "cpu", norm)), ["50.0 %", "0.50 cores", "0.50 s"]);
  assertEquals(norms.map((norm) => formatNormed(1, HEAP, norm)), ["100 %", "1 B/s", "1 B"]);
  assertEquals(norms.map((norm) => formatNormed(2, OBJECTS, norm)), ["100 %", "2 objects/s", "2 objects"]);
  assertEquals([amountText(60e9, "cpu", 20), amountText(2048, HEAP, 20)], ["3.00 cores", "2.00 KiB"]);
});
