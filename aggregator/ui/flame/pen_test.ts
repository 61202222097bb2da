// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch } from "@std/assert";
import { hatch, type Pen, SvgPen } from "./pen.ts";

const FRAME = { width: 100, height: 50, background: "#fff", title: "a & b" };

/** Returns the shapes that `draw` makes, a line each. */
function shapes(draw: (pen: Pen) => void): string[] {
  const pen = new SvgPen();
  draw(pen);
  return pen.file(FRAME).split("\n").filter((line) => /^<(path|rect|text) /.test(line)).slice(1);
}

Deno.test("SvgPen writes what a canvas would show, where it was moved to", () => {
  const lines = shapes((pen) => {
    pen.fillStyle = "#123";
    pen.beginPath();
    pen.lineTo(1, 2);
    pen.lineTo(3.456, 4);
    pen.fill();
    pen.translate(10, 0);
    pen.globalAlpha = 0.5;
    pen.fillRect(1, 2, 3, 4);
    pen.globalAlpha = 1;
    [pen.strokeStyle, pen.lineWidth] = ["#456", 3];
    pen.strokeRect(1, 2, 3, 4);
  });
  assertEquals(lines, [
    '<path d="M1 2L3.46 4" fill="#123"/>',
    '<rect x="11" y="2" width="3" height="4" fill="#123" opacity="0.5"/>',
    '<rect x="11" y="2" width="3" height="4" fill="none" stroke="#456" stroke-width="3"/>',
  ]);
});

Deno.test("SvgPen has each font once, and text is never markup", () => {
  const pen = new SvgPen();
  for (const [font, text] of [["12px a", "<b>"], ['11px "c d"', "&"], ["12px a", "x"]] as const) {
    pen.font = font;
    pen.fillText(text, 1, 2);
  }
  const file = pen.file(FRAME);
  assertMatch(
    file,
    /<title>a &amp; b<\/title>\n<style>[^<]*\.f0\{font:12px a\}\.f1\{font:11px 'c d'\}<\/style>/,
  );
  assertEquals(
    [...file.matchAll(/class="(\w+)"[^>]*>([^<]+)</g)].map(([, font, text]) => `${font} ${text}`),
    [
      "f0 &lt;b&gt;",
      "f1 &amp;",
      "f0 x",
    ],
  );
});

Deno.test("hatch() stays within its box, and goes on in the next", () => {
  const box = { x: 5, y: 10, width: 7, height: 9 };
  const ends = (drawn: readonly string[]) =>
    [...drawn.join("").matchAll(/[ML]([\d.-]+) ([\d.-]+)/g)].map(([, x, y]) =>
      [Number(x), Number(y)] as const
    );
  const [left, right] = [
    shapes((pen) => hatch(pen, box, "#000", 6)),
    shapes((pen) => hatch(pen, { ...box, x: 12 }, "#000", 6)),
  ].map(ends);
  for (const [x, y] of left!) {
    assertEquals([x >= 5 && x <= 12, y >= 10 && y <= 19], [true, true], `${x} ${y}`);
  }
  // A stripe that ends in a corner of one is not in the other.
  const edge = (of: typeof left) => of!.filter(([x, y]) => x === 12 && y > 10 && y < 19).map(([, y]) => y);
  assertEquals(edge(left), edge(right));
  assertEquals(edge(left).length > 0, true);
});
