// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { clock } from "../state/range.ts";
import { measureOf } from "./kind_words.ts";
import { drawAreas, drawHeat, FOOT, heatRowHeight, peakOf, ticksOf, timesOf, xOf } from "./timeline.ts";

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

Deno.test("timesOf() are on round steps of a clock, with room for what stands there", () => {
  const to = Date.parse("2026-01-31T12:15:10Z");
  const timesIn = (seconds: number, width: number) => {
    const window = { from: to - seconds * 1000, to };
    const near = seconds > 3600 ? undefined : to;
    const clockOf = (ms: number) => clock(ms, { zone: "utc", ...(near !== undefined && { near }) });
    return timesOf(window, width, clockOf);
  };
  assertEquals(timesIn(900, 500).map(({ text }) => text), ["12:05", "12:10", ""]);
  assertEquals(xOf(to, { from: to - 900_000, to }, 900), 900);
  for (const days of [1, 30, 400]) {
    const times = timesIn(days * 86_400, 360);
    assert(times.some(({ text }) => text !== ""));
    // Seven pixels are more than a letter takes, and the last is not cut.
    for (const [i, { x, text }] of times.entries()) {
      if (text !== "") assert(x + text.length * 6 <= (times[i + 1]?.x ?? 360), `${days} ${i} ${x} ${text}`);
    }
  }
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

Deno.test("drawAreas() writes no number over another, also where the highest line is near the top", () => {
  const places: number[] = [];
  const fillText = (text: string, _: number, y: number) => /^\d/.test(text) && places.push(y);
  const context = new Proxy({ fillText }, {
    get: (target, name) => name === "fillText" ? target.fillText : () => {},
    set: () => true,
  });
  const lane = { name: "", module: "", rest: false, value: [85e9], count: [85] };
  const shown = {
    ...{
      timeline: { from: new Date(0).toISOString(), step: 10, lanes: [lane] },
      measure: measureOf("cpu", 10),
    },
    ...{ window: { from: 0, to: 10_000 }, theme: "light", builds: [], ranges: [], clock: () => "" },
  };
  drawAreas(context as never, shown as never, { width: 100, height: 96 + FOOT });
  assert(places.length > 1, places.join());
  assert(places.every((y, i) => i === 0 || places[i - 1]! - y >= 11), places.join());
});

Deno.test("drawAreas() writes what ranges are called so that it can be read on any area", () => {
  const drawn: string[] = [];
  const note = (how: string) => (text: string) => drawn.push(`${how} ${text}`);
  const target: Record<string, unknown> = { strokeText: note("around"), fillText: note("in") };
  const context = new Proxy(target, {
    get: (_, name) => target[String(name)] ?? (() => {}),
    set: () => true,
  });
  const window = { from: 0, to: 20_000 };
  const lane = { name: "", module: "", rest: false, value: [1e9, 1e9], count: [1, 1] };
  const shown = {
    ...{
      timeline: { from: new Date(0).toISOString(), step: 10, lanes: [lane] },
      measure: measureOf("cpu", 10),
    },
    ...{ window, theme: "light", builds: [], ranges: [{ ...window, name: "B" }], clock: () => "" },
  };
  drawAreas(context as never, shown as never, { width: 100, height: 96 + FOOT });
  assertEquals(drawn.filter((each) => each.endsWith(" B")), ["around B", "in B"]);
});

Deno.test("heatRowHeight() lets two hundred rows be one look", () => {
  assertEquals([7, 28, 29, 100, 200, 1000].map(heatRowHeight), [14, 14, 13, 4, 2, 2]);
});

Deno.test("heatRowHeight() gives few rows the height of areas together", () => {
  assertEquals([0, 1, 3, 6].map(heatRowHeight), [96, 96, 32, 16]);
});

Deno.test("drawHeat() names rows that are far enough apart, and the one that is pointed at", () => {
  const value = [1, 0];
  const lanes = Array.from(
    { length: 200 },
    (_, i) => ({ name: `node-${i}`, module: "", rest: false, value, count: value }),
  );
  const from = Date.parse("2026-01-31T12:00:00Z");
  let places: number[] = [];
  const namesOf = (rows: number, row?: number) => {
    const names: string[] = [];
    places = [];
    const fillText = (text: string, _: number, y: number) => {
      names.push(text);
      if (text.startsWith("node-")) places.push(y);
    };
    const context = new Proxy({ fillText }, {
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
  assert(places.every((y, i) => i === 0 || y - places[i - 1]! >= 12), places.join());
  assertEquals(namesOf(200, 5).slice(0, 3), ["node-5", "node-12", "node-18"]);
});
