// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { fleetOfAllKinds } from "../../tests/support/fleet.ts";
import { FleetQueries } from "../../tests/support/fleet_queries.ts";
import { testWith } from "../../tests/support/needs.ts";
import { CPU, settled, withVisits } from "../../tests/support/visits.ts";
import { build } from "../../tasks/build.ts";
import { loadPage } from "../http/page.ts";
import { pageRoutes } from "../http/page_routes.ts";
import { respond } from "../http/reply.ts";
import type { Context } from "../http/route.ts";

testWith(["chromium"], "the page can be used by all, on any screen", async (t) => {
  await withVisits(async (open) => {
    const queries = new FleetQueries(fleetOfAllKinds());
    const axe = await Deno.readTextFile(new URL(import.meta.resolve("axe-core")));

    await t.step("nothing but trifles is found by axe in any view, light or dark", async () => {
      await open({ options: { queries }, query: CPU, context: { bypassCSP: true } }, async ({ page }) => {
        await page.evaluate(axe);
        for (const key of ["1", "2", "3", "4", "5", "6", "7", "8"]) {
          await page.keyboard.press(key);
          await page.emulateMedia({ colorScheme: "light" });
          await settled(page);
          assertEquals(await faultsOf(page), [], `view ${key}, light`);
          await page.emulateMedia({ colorScheme: "dark" });
          await settled(page);
          // In the dark the same elements have other colours.
          assertEquals(
            await faultsOf(page, ["color-contrast", "link-in-text-block"]),
            [],
            `view ${key}, dark`,
          );
        }
      });
    });

    await t.step(
      "a narrow, dense screen gets a canvas of its own pixels, and no sideways scroll in any view",
      async () => {
        const context = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 3 };
        await open({ options: { queries }, query: CPU, context }, async ({ page }) => {
          for (const key of ["1", "3", "4", "5", "6", "7", "8", "2"]) {
            await page.keyboard.press(key);
            await settled(page);
            const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assertEquals(overflow, 0, `view ${key}`);
          }
          const [pixels, css] = await page.evaluate(() => {
            const canvas = document.querySelector<HTMLCanvasElement>(".graph-body > .flame canvas")!;
            return [canvas.width, canvas.clientWidth];
          });
          assertEquals(pixels, css! * 3);
        });
      },
    );
  });
});

/** Returns what axe finds worse than minor, of all rules or of `rules`. */
async function faultsOf(page: Page, rules?: string[]): Promise<string[]> {
  return await page.evaluate(async (rules) => {
    const { violations } = await (globalThis as never as { axe: Axe }).axe.run({
      resultTypes: ["violations"],
      ...(rules && { runOnly: rules }),
    });
    return violations.filter(({ impact }) => impact !== "minor")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n").slice(0, 400)}`);
  }, rules);
}

interface Axe {
  run(options: { resultTypes: string[]; runOnly?: string[] }): Promise<{
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  }>;
}

Deno.test("HTML, CSS and scripts are 60 KB at most as they travel", async () => {
  await build("ui");
  const { files } = await loadPage();
  let size = 0;
  const route = pageRoutes({ files, login: "" });
  for (const { path, handle } of route.filter(({ path, method }) => method === "GET" && !/icon/.test(path))) {
    const request = new Request(`http://page${path}`, { headers: { "accept-encoding": "gzip" } });
    const response = await respond(request, await handle({} as Context));
    assertEquals(response.headers.get("content-encoding"), "gzip");
    size += (await response.arrayBuffer()).byteLength;
  }
  assert(size <= 60_000, `${size} bytes`);
});
