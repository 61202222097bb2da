// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { OTHER } from "../../../profile/flame.ts";
import { graphOf } from "../../../tests/support/graphs.ts";
import { flameModel } from "./model.ts";
import { cutSum, originSums } from "./origins.ts";

Deno.test("originSums() counts each stack once, where it ends, and neither threads nor what was cut", () => {
  const sums = originSums(flameModel(graphOf("demo;main;a 30", "demo;main 12", "demo 5")));
  assertEquals(sums.values().reduce((a, b) => a + b, 0), 42);
  assertEquals([...sums.keys()].includes("thread"), false);
});

Deno.test("cutSum() is what was cut, which is the rest of all that no kind of code and no thread has", () => {
  const graph = graphOf("demo;main;a 30", "demo;main;cut 8", "demo;cut 5");
  const model = flameModel({
    ...graph,
    names: graph.names.map((name) => name === "cut" ? OTHER : name),
    modules: graph.modules.map((module, row) => graph.names[row] === "cut" ? "" : module),
  });
  assertEquals(cutSum(model), 13);
  assertEquals(originSums(model).values().reduce((a, b) => a + b, 0), 30);
  assertEquals(cutSum(flameModel(graph)), 0);
});
