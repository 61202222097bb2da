// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { measureOf } from "./kind_words.ts";
import { drawAreas, drawHeat, heatRowHeight, momentsOf, peakOf, ticksOf, xOf } from "./timeline.ts";

Deno.test("peakOf() is the largest sum of all lanes, in what they are shown in", () => {
  const lane = (value: number[]) => ({ name: "", module: "", rest: false, value, count: value });
  const timeline = { lanes: [lane([10e9, 0]), lane([5e9, 12e9])], step: 10 };
  const peak = (scale: number) => peakOf(timeline as unknown as Parameters<typeof peakOf>[0], scale);
  assertEquals([peak(measureOf("cpu", 10).scale), peak(1)], [1.5, 15e9]);
});

Deno.test("ticksOf() are a few round numbers up to the peak", () => {
  assertEquals([ticksOf(10.8), ticksOf(1.9), ticksOf(0.0042), ticksOf(0)], [
    [5, 10],
    [0.5, 1, 1.5],
    [0.002, 0.004],
    [],
  ]);
  assertEquals([ticksOf(900, 1024), ticksOf(5 * 2 ** 20, 1024), ticksOf(1.5 * 2 ** 30, 1024)], [
    [200, 400, 600, 800],
    [2 * 2 ** 20, 4 * 2 ** 20],
    [2 ** 29, 2 ** 30, 1.5 * 2 ** 30],
  ]);
});

Deno.test("momentsOf() are on round steps of a clock, with room for their labels", () => {
  const window = { from: Date.parse("2026-01-31T12:00:10Z"), to: Date.parse("2026-01-31T12:15:10Z") };
  const moments = momentsOf(window, 900);
  assert(moments.length > 3 && moments.length <= 10);
  assert(moments.every((at) => at % 120_000 === 0 && window.from <= at && at < window.to));
  assertEquals(xOf(window.to, window, 900), 900);
});

Deno.test("drawAreas() goes there above a lane and back below it, for one step as for many", () => {
  for (const value of [[10e9], [10e9, 20e9]]) {
    const points: [number, number][] = [];
    // What is not looked at is taken and forgotten.
    const context = new Proxy({ lineTo: (x: number, y: number) => points.push([x, y]) }, {
      get: (target, name) => name === "lineTo" ? target.lineTo : () => {},
      set: () => true,
    });
    const window = { from: 0, to: 10_000 * value.length };
    const lane = { name: "", module: "", rest: false, value, count: value };
    const timeline = { from: new Date(0).toISOString(), step: 10, lanes: [lane] };
    const shown = {
      timeline,
      measure: measureOf("cpu", 10),
      window,
      theme: "light",
      builds: [],
      ranges: [],
      clock: String,
    };
    drawAreas(context as never, shown as never, { width: 100, height: 100 });
    const xs = points.slice(0, 4 * value.length).map(([x]) => x);
    assertEquals(xs, xs.toReversed());
    assertEquals([xs[0], Math.max(...xs)], [0, 100]);
  }
});

Deno.test("heatRowHeight() lets two hundred rows be one look", () => {
  assertEquals([0, 1, 28, 29, 100, 200, 1000].map(heatRowHeight), [14, 14, 14, 13, 4, 2, 2]);
});

Deno.test("drawHeat() names rows that are far enough apart, and the one that is pointed at", () => {
  const value = [1, 0];
  const lanes = Array.from(
    { length: 200 },
    (_, i) => ({ name: `node-${i}`, module: "", rest: false, value, count: value }),
  );
  const from = Date.parse("2026-01-31T12:00:00Z");
  const namesOf = (rows: number, row?: number) => {
    const names: string[] = [];
    const context = new Proxy({ fillText: (text: string) => names.push(text) }, {
      get: (target, name) => name === "fillText" ? target.fillText : () => {},
      set: () => true,
    });
    const timeline = { from: "2026-01-31T12:00:00Z", by: "node", step: 10, lanes: lanes.slice(0, rows) };
    const shown = {
      ...{ timeline, windows: undefined, builds: [], ranges: [], theme: "light", row },
      ...{ window: { from, to: from + 20_000 }, clock: () => "" },
    };
    drawHeat(
      context as unknown as CanvasRenderingContext2D,
      shown as unknown as Parameters<typeof drawHeat>[1],
      { width: 600, height: 800 },
      150,
    );
    return names.filter((name) => name.startsWith("node-"));
  };
  assertEquals(namesOf(28).length, 28);
  assertEquals(namesOf(200).slice(0, 3), ["node-0", "node-6", "node-12"]);
  assertEquals(namesOf(200, 5).slice(0, 3), ["node-5", "node-12", "node-18"]);
});
