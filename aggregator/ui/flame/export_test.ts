// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch } from "@std/assert";
import { graphOf } from "../../../tests/support/graphs.ts";
import { drawFlame, fit, levelAt, ROW_HEIGHT, yOf } from "./draw.ts";
import { foldedSides, foldedText, speedscopeText } from "./export.ts";
import { flameModel } from "./model.ts";
import { SvgPen } from "./pen.ts";
import { Renderer } from "./renderer.ts";
import { treeOf } from "./tree.ts";

const model = flameModel(graphOf("demo;main;a;b 30", "demo;main;a 10", "demo;<x>&\u0001 5"));

Deno.test("foldedText() has a line for each stack with time of its own", () => {
  assertEquals(foldedText(treeOf(model)).split("\n").sort(), [
    "",
    "demo;<x>&\u0001 5",
    "demo;main;a 10",
    "demo;main;a;b 30",
  ]);
});

Deno.test("foldedSides() has what a stack is worth on both sides, where it is on one alone, too", () => {
  const compare = flameModel(graphOf("demo;main;a;b 20", "demo;new 7"));
  assertEquals(foldedSides(treeOf(model), treeOf(compare)).split("\n").sort(), [
    "",
    "demo;<x>&\u0001 5 0",
    "demo;main;a 10 0",
    "demo;main;a;b 30 20",
    "demo;new 0 7",
  ]);
});

Deno.test("speedscopeText() has each stack's weight, and its frames by row", () => {
  const { profiles: [profile], shared: { frames } } = JSON.parse(
    speedscopeText({ x: treeOf(model) }, { name: "x", unit: "nanoseconds" }),
  );
  const stacks = profile.samples.map((stack: number[]) => stack.map((frame) => frames[frame].name).join(";"));
  assertEquals([profile.unit, profile.endValue], ["nanoseconds", 45]);
  const weights = Object.fromEntries(stacks.map((stack: string, i: number) => [stack, profile.weights[i]]));
  assertEquals(weights["demo;main;a;b"], 30);
});

Deno.test("drawFlame() writes SVG in which no name is markup", () => {
  const pen = new SvgPen();
  const height = model.levelStart.length * ROW_HEIGHT;
  drawFlame(new Renderer(pen), {
    model,
    focus: 0,
    up: false,
    theme: "light",
    colors: () => ({ fill: "#ffffff", text: "#000000" }),
    label: (box) => model.names[model.name[box]!]!,
    share: () => "",
    hatched: () => true,
  }, { width: 1000, height, top: 0, bottom: height });
  const file = pen.file({ width: 1000, height, background: "#fff", title: "a<b" });
  assertMatch(file, /<title>a&lt;b<\/title>/);
  assertMatch(file, />&lt;x&gt;&amp;\ufffd<\/text>/);
  assertEquals(file.match(/<rect /g)!.length, 1 + model.name.length);
});

Deno.test("levelAt() is where yOf() is, with the root above or below", () => {
  for (const up of [true, false]) {
    for (const level of [0, 1, 5]) {
      assertEquals(levelAt(yOf(level, { up, height: 180 }) + 3, { up, height: 180 }), level);
    }
  }
});

Deno.test("fit() shows the begin of what is too long", () => {
  assertEquals(["abcdef", "abcdefg", "abcdefghij"].map((text) => fit(text, 6)), [
    "abcdef",
    "abcde…",
    "abcde…",
  ]);
  assertEquals(fit("abcdef", 2), "");
});
