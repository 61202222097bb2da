// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { graphOf } from "../../../tests/support/graphs.ts";
import { changeOf, diffRows, diffTrees, sideOf } from "./diff.ts";
import type { AnyKind } from "../../../profile/profile_type.ts";
import { flameModel } from "./model.ts";
import { treeOf } from "./tree.ts";

const treeFrom = (...lines: string[]) => treeOf(flameModel(graphOf(...lines)));
const HEAP = "memory:inuse_space:bytes:space:bytes";
const total = (value: number, count = value) => ({ value, count });
const shares = (a: number, b: number) => ({
  base: sideOf(total(a), { norm: "share", seconds: 1, kind: "cpu" }),
  compare: sideOf(total(b), { norm: "share", seconds: 1, kind: "cpu" }),
});

Deno.test("sideOf() makes shares, cores and seconds", () => {
  const scaled = (norm: "share" | "core" | "second") =>
    30e9 * sideOf(total(60e9), { norm, seconds: 20, kind: "cpu" }).scale;
  assertEquals([scaled("share"), scaled("core"), Math.round(scaled("second"))], [0.5, 1.5, 30]);
  assertEquals(sideOf(total(0), { norm: "share", seconds: 0, kind: "cpu" }).scale, 0);
  const bytes = (norm: "share" | "core" | "second") =>
    600 * sideOf(total(1200), { norm, seconds: 20, kind: HEAP }).scale;
  assertEquals([bytes("share"), bytes("core"), bytes("second")], [0.5, 30, 600]);
  const wall = sideOf(total(60e3), { norm: "core", seconds: 20, kind: "wall:wall:milliseconds::" });
  assertEquals(30e3 * wall.scale, 1.5);
});

Deno.test("changeOf() knows nothing of chance in what others measured, of which samples are no equal events", () => {
  const sides = (kind: AnyKind) => ({
    base: sideOf({ value: 4096, count: 2 }, { norm: "second", seconds: 10, kind }),
    compare: sideOf({ value: 6144, count: 2 }, { norm: "second", seconds: 10, kind }),
  });
  assertEquals([changeOf(2048, 4096, sides("cpu")), changeOf(2048, 4096, sides(HEAP))], [0, 1]);
  assertEquals(changeOf(2048, 2049, sides(HEAP)), 0);
});

Deno.test("changeOf() takes what chance makes of counts for no change", () => {
  const sides = shares(10_000, 10_000);
  // 100 of 10,000 has a standard deviation of 10: 125 is 1.7 of both apart, 200 is 5.8.
  assertEquals(changeOf(100, 125, sides), 0);
  assert(Math.abs(changeOf(100, 200, sides) - 1) < 1e-9);
  assertEquals(changeOf(1000, 0, sides), -1);
  assertEquals(changeOf(0, 1000, sides), 4);
  assertEquals(changeOf(0, 3, sides), 0);
});

Deno.test("changeOf() is no change below a thousandth of all, however sure", () => {
  assertEquals(changeOf(1e6, 1.5e6, shares(1e9, 1e9)), 0);
});

Deno.test("changeOf() is no change where a side has nothing to compare with", () => {
  assertEquals([changeOf(0, 1000, shares(0, 10_000)), changeOf(1000, 0, shares(10_000, 0))], [0, 0]);
});

Deno.test("changeOf() says the same of a side that is twice as long", () => {
  const sides = shares(10_000, 20_000);
  assertEquals(changeOf(1000, 2000, sides), 0);
  assert(changeOf(1000, 4000, sides) > 0.9);
});

Deno.test("diffTrees() keeps what has gone, and children fit into their parents, for any two graphs", () => {
  const lines = fc.array(
    fc.tuple(
      fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 99 }),
    ),
    { minLength: 1, maxLength: 20 },
  ).map((samples) => samples.map(([names, value]) => `demo;${names.join(";")} ${value}`));
  fc.assert(fc.property(lines, lines, (before, after) => {
    const [a, b] = [treeFrom(...before), treeFrom(...after)];
    const { model, base, compare } = diffTrees(a, b, {
      sides: shares(a.value, b.value),
      unit: "nanoseconds",
    });
    assertEquals([base[0], compare[0]], [a.value, b.value]);
    for (let box = 1; box < model.name.length; box++) {
      const parent = model.parent[box]!;
      assert(model.start[box]! + model.width[box]! <= model.start[parent]! + model.width[parent]! + 1e-9);
      assert(base[box]! > 0 || compare[box]! > 0);
    }
  }));
  const { model, base, compare } = diffTrees(
    treeFrom("demo;gone 50", "demo;same 50"),
    treeFrom("demo;same 100"),
    { sides: shares(100, 100), unit: "nanoseconds" },
  );
  const gone = model.name.findIndex((name) => model.names[name] === "gone");
  assertEquals([base[gone], compare[gone], model.width[gone]], [50, 0, 0.5]);
});

Deno.test("diffRows() counts a function in itself once", () => {
  const [row] = diffRows(treeFrom("demo;a;a 10"), treeFrom("demo;a;b 4", "demo;a 1")).filter((row) =>
    row.function === "a"
  );
  assertEquals([row!.base, row!.compare], [{ self: 10, total: 10 }, { self: 1, total: 5 }]);
});
