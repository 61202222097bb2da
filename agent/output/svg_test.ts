// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { flameGraph } from "../../profile/flame.ts";
import type { Profile } from "../../profile/model.ts";
import { withPage } from "../../tests/support/browser.ts";
import { testWith } from "../../tests/support/needs.ts";
import { anyProfile, demoFrame, demoProfile } from "../../tests/support/profiles.ts";
import { flameSvg } from "./svg.ts";
import { coveredBy, matcherOf, zoomTo } from "./svg_view.js";

function draw(profile: Profile): string {
  return flameSvg(flameGraph(profile, { kind: "cpu" }), { title: "CPU <of> n1", subtitle: "a & b" });
}

/** Returns frames of all of which a program, or who runs it, chose the name. */
function hostileProfile(names: readonly string[]): Profile {
  const builder = new ProfileBuilder();
  for (const name of names) {
    const frame = builder.frame(demoFrame(name, { module: name }));
    builder.add("cpu", builder.series({ comm: name }), builder.stack([frame]), 1000, 1);
  }
  return builder.build();
}

const HOSTILE = [
  "</text><script>globalThis.pwned = 1</script>",
  "]]><script>globalThis.pwned = 1</script>",
  `" onload="globalThis.pwned = 1`,
  "' &amp; &#0; <!-- ",
  "a\0b\x1b\x85\ufffe\ud800",
  "two\nlines\ttab",
];

Deno.test("flameSvg() draws boxes, amounts and the legend without a script", () => {
  const svg = draw(demoProfile());
  const boxes = [...svg.matchAll(/<title>([^<]*)<\/title><rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g)];
  const hot = boxes.find(([, title]) => title!.startsWith("hot\n"))!;
  assertEquals(hot[1], "hot\n/bin/demo\n180 ms, 60.0 %\nself 180 ms, 60.0 %");
  assertEquals(hot.slice(2).map(Number), [482.4, 138, 705.1]);
  assertStringIncludes(svg, ">CPU &lt;of&gt; n1</text>");
  assertEquals([..."program,library,kernel,JIT".split(",")].map((l) => svg.includes(`>${l}`)), [
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("flameSvg() refers to nothing outside of itself", () => {
  const svg = draw(demoProfile());
  assert(!/(href|src|url\(|@import|<image|<use)/i.test(svg));
  assertEquals([...svg.matchAll(/https?:\/\/[^"]*/g)].map(([url]) => new URL(url).hostname), [
    "www.w3.org",
    "www.w3.org",
    "www.w3.org",
  ]);
  assertEquals(svg.split("]]>").length, 2);
});

Deno.test("flameSvg() has no markup or character of a name's", () => {
  fc.assert(fc.property(anyProfile, (profile) => {
    const svg = draw(profile);
    const drawing = svg.slice(svg.indexOf("<g id="), svg.indexOf("<script>"));
    const tags = new Set([...drawing.matchAll(/<\/?([^\s>/]*)/g)].map(([, tag]) => tag));
    assert(tags.isSubsetOf(new Set(["g", "title", "rect", "text"])), [...tags].join());
    // deno-lint-ignore no-control-regex -- what XML has no character for
    assert(!/[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]/.test(svg));
    assert(!/&(?!(amp|lt|gt|quot|#39);)/.test(drawing));
  }));
});

Deno.test("zoomTo() shows the box, its ancestors and its descendants", () => {
  const box = (level: number, start: number, width: number) => ({ level, start, width });
  const boxes = [box(0, 0, 1), box(1, 0, 0.5), box(1, 0.5, 0.5), box(2, 0.5, 0.25), box(2, 0.1, 0.1)];
  assertEquals(zoomTo(boxes, boxes[2]!), [
    { x: 0, width: 1, above: true },
    undefined,
    { x: 0, width: 1, above: false },
    { x: 0, width: 0.5, above: false },
    undefined,
  ]);
  assertEquals(zoomTo(boxes, boxes[0]!).every((place) => place), true);
});

Deno.test("coveredBy() counts what matched boxes share once", () => {
  const places = [{ x: 0, width: 0.5 }, { x: 0.1, width: 0.2 }, undefined, { x: 0.4, width: 0.3 }];
  assertEquals(coveredBy(places, [true, true, true, false]), 0.5);
  assertEquals(coveredBy(places, [true, false, false, true]), 0.7);
  assertEquals(coveredBy(places, [false, false, true, false]), 0);
});

Deno.test("matcherOf() takes a regular expression, or text that is none", () => {
  assert(matcherOf("^ma.n$")("main"));
  assert(matcherOf("main")("Main") && !matcherOf("Main")("main"));
  assert(matcherOf("operator(")("foo::Operator()") && !matcherOf("operator(")("operator"));
});

async function withDrawing(svg: string, use: (url: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".svg" });
  try {
    await Deno.writeTextFile(path, svg);
    await use(`file://${path}`);
  } finally {
    await Deno.remove(path);
  }
}

testWith(["chromium"], "flameSvg() zooms, searches and resets in a browser, from a file", async () => {
  await withDrawing(draw(demoProfile()), (url) =>
    withPage(async (page) => {
      await page.goto(url);
      const shown = () =>
        page.evaluate<string[]>(`
          [...document.querySelectorAll("#boxes > g")].filter((g) => g.style.display !== "none").map((g) => g.textContent)
        `);
      const widthOf = async (name: string) => {
        return Number(
          await page.locator("#boxes > g", { hasText: name }).last().locator("rect").getAttribute("width"),
        );
      };
      assertEquals(await shown(), [
        "all",
        "[idle]",
        "demo",
        "idle",
        "demo",
        "main",
        "main",
        "read",
        "cold",
        "hot",
        "ksys_read",
      ]);
      const before = await widthOf("hot");
      await page.locator("#boxes > g", { hasText: "hot" }).hover();
      assertEquals(await page.locator("#tip text").allTextContents(), [
        "hot",
        "/bin/demo",
        "180 ms, 60.0 %",
        "self 180 ms, 60.0 %",
      ]);
      await page.locator("#boxes > g", { hasText: "hot" }).click();
      assertEquals(await shown(), ["all", "demo", "demo", "main", "hot"]);
      assert(await widthOf("hot") > before * 1.6);
      assertEquals(await page.locator("#status").textContent(), "zoomed: hot");
      await page.keyboard.press("Escape");
      assertEquals((await shown()).length, 11);
      await page.keyboard.press("Control+f");
      await page.keyboard.type("^(hot|ksys)");
      assertEquals(await page.locator("#status").textContent(), "70.00 % matched in 2 boxes");
      assertEquals(await page.locator("#boxes .match").allTextContents(), ["hot", "ksys_read"]);
      await page.getByText("Reset").click();
      assertEquals(await page.locator("#boxes .match").count(), 0);
      assertEquals(await page.evaluate(`document.querySelector("input").value`), "");
      await page.setViewportSize({ width: 700, height: 500 });
      await page.waitForFunction(`document.documentElement.getAttribute("width") === "700"`);
      assert(await widthOf("all") < 700);
    }, { viewport: { width: 1200, height: 800 } }));
});

testWith(["chromium"], "flameSvg() runs no script that a name brings along", async () => {
  await withDrawing(draw(hostileProfile(HOSTILE)), (url) =>
    withPage(async (page) => {
      await page.goto(url);
      assertEquals(await page.locator("parsererror").count(), 0);
      assertEquals(await page.locator("script").count(), 1);
      assertEquals(await page.locator("#boxes > g").count(), 1 + 3 * HOSTILE.length);
      for (const group of await page.locator("#boxes > g").all()) await group.hover({ force: true });
      assertEquals(await page.evaluate("globalThis.pwned"), undefined);
      assertMatch((await page.locator("#boxes").textContent())!, /<script>globalThis/);
    }));
});

testWith(["chromium"], "flameSvg() shows as a picture, where scripts do not run", async () => {
  await withDrawing(draw(demoProfile()), (url) =>
    withPage(async (page) => {
      const html = url.replace("file://", "") + ".html";
      await Deno.writeTextFile(html, `<img src="${url}" width="600">`);
      try {
        await page.goto(`file://${html}`);
        const size = await page.evaluate(
          "[document.images[0].naturalWidth, document.images[0].naturalHeight]",
        );
        assertEquals(size, [1200, 208]);
      } finally {
        await Deno.remove(html);
      }
    }));
});
