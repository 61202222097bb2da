// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import type { TimelineJson } from "../../http/answers.ts";
import { laneOf, sparkPath } from "./sparkline.ts";

Deno.test("sparkPath() is as high as its highest value, and closed; of nothing it is flat", () => {
  const size = { width: 30, height: 10 };
  assertEquals(sparkPath([1, 4, 0], size), "M0 10V7.5H10V0H20V10H30V10Z");
  assertEquals(sparkPath([0, 0, 0], size), "M0 10V10H10V10H20V10H30V10Z");
  assertEquals(sparkPath([], size), "M0 10V10Z");
});

Deno.test("laneOf() tells functions of one name apart by their modules, and never takes the rest for one", () => {
  const lane = (name: string, module: string, value: number, rest = false) => ({
    ...{ name, module, rest },
    ...{ value: [value], count: [value] },
  });
  const lanes = [lane("main", "/bin/a", 1), lane("main", "/bin/b", 2), lane("", "", 3, true)];
  const timeline = { lanes } as unknown as TimelineJson;
  assertEquals([laneOf(timeline, "main"), laneOf(timeline, "main", "/bin/b")], [[1], [2]]);
  assertEquals([laneOf(timeline, ""), laneOf(timeline, "x"), laneOf(undefined, "main")], [
    undefined,
    undefined,
    undefined,
  ]);
});
