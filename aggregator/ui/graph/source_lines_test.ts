// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { assertEquals } from "@std/assert";
import { graphOf } from "../../../tests/support/graphs.ts";
import { flameModel } from "../flame/model.ts";
import { sumFunction } from "./details.ts";
import { sourceUrl } from "./source_lines.ts";

Deno.test("sourceUrl() fills a template, and what a path has cannot leave its place", () => {
  const template = "https://git.example/{build_id}/{file}#L{line}";
  assertEquals(
    sourceUrl(template, { file: "/src/a b/$&?#.c", line: 7, buildId: "ab/c" }),
    "https://git.example/ab%2Fc/src/a%20b/%24%26%3F%23.c#L7",
  );
});

Deno.test("sumFunction() counts a function in itself once, with its callers, callees and threads", () => {
  const model = flameModel(graphOf("demo;main;a;b 30", "demo;main;a 10", "tool;main;a;a;b 7"));
  const names = (list: readonly { name: number; value: number }[]) =>
    list.map(({ name, value }) => [model.names[name], value]);
  const sums = sumFunction(model, model.names.indexOf("a"));
  assertEquals([sums.self, sums.total, sums.boxes], [10, 47, 3]);
  assertEquals(names(sums.callers), [["main", 47], ["a", 7]]);
  assertEquals(names(sums.callees), [["b", 37], ["a", 7]]);
  assertEquals(names(sums.roots), [["demo", 40], ["tool", 7]]);
});
