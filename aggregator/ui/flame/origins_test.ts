// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { graphOf } from "../../../tests/support/graphs.ts";
import { flameModel } from "./model.ts";
import { originSums } from "./origins.ts";

Deno.test("originSums() counts each stack once, where it ends, and neither threads nor what was cut", () => {
  const sums = originSums(flameModel(graphOf("demo;main;a 30", "demo;main 12", "demo 5")));
  assertEquals(sums.values().reduce((a, b) => a + b, 0), 42);
  assertEquals([...sums.keys()].includes("thread"), false);
});
