// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch } from "@std/assert";
import { type Picture, stacked, svgOf } from "./picture.ts";
import { Renderer } from "./renderer.ts";

Deno.test("stacked() draws pictures below each other, and is as large as all of them", () => {
  const part = (text: string, width: number, height: number): Picture => ({
    width,
    height,
    draw: (pen) => {
      const renderer = new Renderer(pen);
      pen.fillRect(1, 2, 3, 4);
      renderer.hatch(1, 2, 3, 4, "#def");
      renderer.outline(1, 2, 9, 9, "#000");
      renderer.text(text, 5, 6, "#123");
    },
  });
  const whole = stacked([part("callers", 100, 30), part("callees", 80, 50)]);
  assertEquals([whole.width, whole.height], [100, 80]);
  const file = svgOf(whole, "a <title>", "#fff");
  assertMatch(file, /<svg [^>]*width="100" height="80"[^]*<title>a &lt;title&gt;<\/title>/);
  assertEquals(
    [...file.matchAll(/<text x="(\d+)" y="(\d+)"[^>]*>(\w+)</g)].map(([, x, y, text]) => [x, y, text]),
    [["5", "6", "callers"], ["5", "36", "callees"]],
  );
  assertEquals([...file.matchAll(/<rect x="1" y="(\d+)" width="3"/g)].map(([, y]) => y), ["2", "32"]);
  assertEquals([...file.matchAll(/<rect x="2" y="(\d+)" width="7"/g)].map(([, y]) => y), ["3", "33"]);
  assertEquals([...file.matchAll(/<path d="M2 (\d+)L/g)].map(([, y]) => y), ["6", "36"]);
});
