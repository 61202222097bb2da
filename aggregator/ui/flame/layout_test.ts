// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { boxAt, depthOf, layOut, MIN_WIDTH, placeOf, Rects, type View } from "./layout.ts";
import { type FlameModel, flameModel } from "./model.ts";
import type { FlameGraph } from "../../../profile/flame.ts";

/** Returns a whole of `widths.reduce(+)`, with boxes of `widths` in level 1 and one on the first of them. */
function graph(widths: number[]): FlameGraph {
  const total = widths.reduce((sum, width) => sum + width, 0);
  let at = 0;
  const start = widths.map((width) => (at += width) - width);
  return {
    unit: "count",
    total,
    names: ["all", "a", "b"],
    modules: ["", "/m", "/m"],
    levels: [
      { start: [0], width: [total], self: [0], name: [0] },
      { start, width: widths, self: widths, name: widths.map(() => 1) },
      { start: [0], width: [widths[0]!], self: [widths[0]!], name: [2] },
    ],
  };
}

function laidOut(model: FlameModel, view: View) {
  // What was there before is no part of it.
  const rects = new Rects();
  rects.reserve(1);
  rects.put(99, 101, 99, 99, 99);
  layOut(model, view, rects);
  return Array.from({ length: rects.count }, (_, i) => ({
    ...{ box: rects.box[i]!, run: rects.end[i]! - rects.box[i]! > 1, level: rects.level[i]! },
    ...{ x: rects.x[i]!, width: rects.width[i]! },
  }));
}

Deno.test("layOut() fills the width with the focus and puts the way to it above", () => {
  const model = flameModel(graph([30, 70]));
  assertEquals(
    laidOut(model, { focus: 0, width: 200 }).map(({ box, level, x, width }) => [box, level, x, width]),
    [
      [0, 0, 0, 200],
      [1, 1, 0, 60],
      [2, 1, 60, 140],
      [3, 2, 0, 60],
    ],
  );
  assertEquals(laidOut(model, { focus: 1, width: 200 }).map(({ box, x, width }) => [box, x, width]), [
    [0, 0, 200],
    [1, 0, 200],
    [3, 0, 200],
  ]);
});

Deno.test("layOut() leaves out levels that cannot be seen", () => {
  const model = flameModel(graph([30, 70]));
  assertEquals(laidOut(model, { focus: 0, width: 200, from: 1, to: 2 }).map(({ level }) => level), [1, 1]);
});

Deno.test("layOut() draws narrow neighbours as one, and one that matches stands for them", () => {
  const model = flameModel(graph([1, ...Array.from({ length: 9 }, () => 1), 9990]));
  const rects = new Rects();
  layOut(model, { focus: 0, width: 1000, from: 1, to: 2 }, rects);
  assertEquals([...rects.box.subarray(0, rects.count)], [1, 11]);
  assertEquals([...rects.end.subarray(0, rects.count)], [11, 12]);
  const names = model.name;
  names[4] = 2;
  const drawn = (...found: number[]) => rects.boxOf(0, { names, matches: Uint8Array.from(found) });
  assertEquals(drawn(0, 0, 1), 4);
  assertEquals(drawn(0, 0, 0), 1);
  assertEquals(rects.boxOf(0, { names, matches: undefined }), 1);
  // The one behind a run is none of it.
  names[11] = 3;
  assertEquals(drawn(0, 0, 0, 1), 1);
  assertEquals(rects.boxOf(1, { names, matches: Uint8Array.of(0, 0, 0, 1) }), 11);
});

Deno.test("layOut() neither overlaps nor leaves the view, however narrow the boxes", () => {
  const widths = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 300 });
  fc.assert(fc.property(widths, fc.integer({ min: 50, max: 3000 }), (widths, width) => {
    const model = flameModel(graph(widths));
    let end = 0;
    for (const rect of laidOut(model, { focus: 0, width }).filter(({ level }) => level === 1)) {
      assert(rect.x >= end - 1e-6 && rect.width >= MIN_WIDTH);
      end = rect.x + rect.width;
    }
    assert(end <= width + 1e-6);
  }));
});

Deno.test("boxAt() finds the box that layOut() drew there", () => {
  const widths = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(widths, fc.nat(), (widths, pick) => {
    const model = flameModel(graph(widths));
    const view = { focus: pick % model.name.length, width: 700 };
    for (const { box, run, level, x, width } of laidOut(model, view)) {
      if (!run) assertEquals(boxAt(model, view, { x: x + width / 2, level }), box);
    }
  }));
  const model = flameModel(graph([30, 70]));
  const view = { focus: 0, width: 200 };
  for (
    const point of [{ x: 100, level: 2 }, { x: -1, level: 0 }, { x: 200, level: 0 }, { x: 1, level: 3 }, {
      x: 1,
      level: -1,
    }]
  ) {
    assertEquals(boxAt(model, view, point), undefined);
  }
});

Deno.test("placeOf() is where layOut() draws a box, and nowhere where it does not", () => {
  const widths = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(widths, fc.nat(), (widths, pick) => {
    const model = flameModel(graph(widths));
    const view = { focus: pick % model.name.length, width: 700 };
    const drawn = new Map(
      laidOut(model, view).filter(({ run }) => !run).map(({ box, x, width }) => [box, { x, width }]),
    );
    for (const box of model.name.keys()) assertEquals(placeOf(model, view, box), drawn.get(box));
  }));
});

Deno.test("depthOf() counts the levels that the focus has", () => {
  const model = flameModel(graph([30, 70]));
  assertEquals([0, 1, 2, 3].map((focus) => depthOf(model, focus)), [3, 3, 2, 3]);
});
