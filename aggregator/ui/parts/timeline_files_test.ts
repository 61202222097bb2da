// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import type { TimelineJson } from "../../http/answers.ts";
import { measureOf } from "./kind_words.ts";
import { placeLegend, timelineCsv } from "./timeline_files.ts";

Deno.test("timelineCsv() has a line for each step, in the unit that is shown", () => {
  const lane = (name: string, value: number[], rest = false) => ({
    name,
    module: "",
    rest,
    value,
    count: value,
  });
  const lanes = [lane("/usr/bin/shop", [10e9, 5e9]), lane("", [0, 20e9]), lane("", [1e9, 0], true)];
  const timeline = { from: "2026-01-31T12:00:00Z", step: 10, lanes } as unknown as TimelineJson;
  const measure = measureOf("cpu", 10);
  const [head, ...lines] = timelineCsv(timeline, measure).trimEnd().split("\r\n");
  assertEquals(head, "Begin,shop: cores busy,(none): cores busy,others: cores busy");
  assertEquals(lines, ["2026-01-31T12:00:00Z,1,0,0.1", "2026-01-31T12:00:10Z,0.5,2,0"]);
  assertEquals(timelineCsv({ ...timeline, lanes: [] }, measure), "Begin\r\n");
});

Deno.test("placeLegend() begins a line where a text has no room, and never an empty one", () => {
  const texts = ["cores", "postgres", "node", "a".repeat(80), "shop"];
  const places = placeLegend(texts, 300);
  assertEquals(places.map(({ line }) => line), [0, 0, 0, 1, 2]);
  assert(places.every(({ x }, i) => i === 0 || x === 4 || x > places[i - 1]!.x));
});
