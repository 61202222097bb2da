// SPDX-License-Identifier: Apache-2.0
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Histogram, Registry } from "prom-client";
import { quantileBetween, readHistogram } from "./histogram.ts";

Deno.test("a quantile is of what was observed between two readings, by a straight line within a bucket", async () => {
  const registry = new Registry();
  const labelNames = ["phase"];
  const took = new Histogram({
    name: "took_seconds",
    help: "x",
    buckets: [0.1, 0.2, 0.5],
    labelNames,
    registers: [registry],
  });
  const read = async (phase: string) =>
    readHistogram(await registry.metrics(), "took_seconds", `phase="${phase}"`);
  for (let i = 0; i < 50; i++) took.observe({ phase: "a" }, 0.01);
  took.observe({ phase: "b" }, 3);
  const before = await read("a");
  assertEquals(quantileBetween(before, before, 0.5), NaN);
  for (let i = 0; i < 90; i++) took.observe({ phase: "a" }, 0.15);
  for (let i = 0; i < 10; i++) took.observe({ phase: "a" }, 0.4);
  const after = await read("a");
  assertAlmostEquals(quantileBetween(before, after, 0.45), 0.15);
  assertAlmostEquals(quantileBetween(before, after, 0.95), 0.35);
  assertEquals(quantileBetween(new Map(), await read("b"), 0.99), 0.5);
  assertThrows(() => readHistogram("", "took_seconds"), Error, "took_seconds");
});
