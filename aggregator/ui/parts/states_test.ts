// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fleet } from "../../../tests/support/fleet.ts";
import { FleetQueries } from "../../../tests/support/fleet_queries.ts";
import { HEALTHY, testAccess } from "../../../tests/support/http_handler.ts";
import { testWith } from "../../../tests/support/needs.ts";
import { coloursOfRow, CPU, search, settled, text, withVisits } from "../../../tests/support/visits.ts";

const LOST = {
  losses: { counts_map_full: 5000 },
  stackEnds: {},
  batches: 1,
  agents: 1,
  cost: { elapsedMs: 1, rowsRead: 0, bytesRead: 0 },
};

testWith(["chromium"], "the page tells the truth when something is missing or wrong", async (t) => {
  await withVisits(async (open) => {
    await t.step("without any agent it says how to start one, and finds the first by itself", async () => {
      const queries = new FleetQueries([]);
      const filled = new FleetQueries(fleet());
      const options = { queries, ingestPort: 7 };
      await open({ options, query: CPU, context: {}, clock: true }, async ({ page }) => {
        // What the aggregator says of itself comes later than that there are no agents: till then nothing is said.
        const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
        await page.route("**/api/about*", async (route) => {
          await held;
          await route.continue();
        });
        await page.reload();
        await page.waitForSelector(".empty-state h2");
        assertEquals(await page.locator(".empty-state code").count(), 0);
        letGo();
        await page.waitForSelector(".empty-state code");
        assertEquals(await text(page, ".empty-state code"), "./dev agent --aggregator http://127.0.0.1:7");
        for (const name of ["tree", "timeline", "fleet"] as const) {
          queries[name] = filled[name].bind(filled) as never;
        }
        await page.clock.fastForward(3000);
        await page.waitForSelector(".empty-state", { state: "hidden" });
        await settled(page);
        assert(await coloursOfRow(page, 3) >= 4);
      });
    });

    await t.step("filters that nothing passes can be cleared", async () => {
      await open({ query: `${CPU}&match=node="gone"` }, async ({ page }) => {
        await page.waitForSelector(".empty-state button");
        assertMatch(await text(page, ".empty-state h2"), /^No CPU samples of \{node="gone"\}/);
        await page.click(".empty-state button");
        await settled(page);
        assertEquals(search(page), CPU);
      });
    });

    await t.step("an error stands in the part that it is about, with what was there before", async () => {
      const queries = new FleetQueries(fleet());
      const tree = queries.tree.bind(queries);
      await open({ options: { queries }, query: CPU, allow: /503/ }, async ({ page }) => {
        await settled(page);
        queries.tree = () => Promise.reject(Object.assign(new Error("no route"), { code: "ECONNREFUSED" }));
        await page.keyboard.press("i");
        await page.waitForSelector(".graph .problem:not([hidden])");
        assertMatch(await text(page, ".graph .problem span"), /^Storage does not answer now: no route/);
        assert(await coloursOfRow(page, 3) >= 4);
        queries.tree = tree;
        await page.click('.graph .problem button:has-text("Try again")');
        await page.waitForSelector(".graph .problem", { state: "hidden" });
      });
    });

    await t.step(
      "storage that fails, and what was lost, are said with since when and what helps",
      async () => {
        const failing = { sinceMs: Date.parse("2026-01-31T12:00:00Z"), error: "disk full" };
        const health = () => ({ ...HEALTHY, storage: { ...HEALTHY.storage, failing } });
        const queries = new FleetQueries(fleet());
        queries.losses = () => Promise.resolve(LOST) as never;
        await open({ options: { health, queries }, query: CPU }, async ({ page }) => {
          await page.waitForSelector(".banner.bad");
          assertMatch(
            await text(page, ".banner.bad"),
            /^Storage has failed since 2026-01-31 12:00:00: disk full\. 3 batches wait.*Is ClickHouse running\?$/,
          );
          await page.waitForSelector(".banner.warn");
          assertMatch(
            await text(page, ".banner.warn"),
            /^22\.9 % .*maps were full\. Give the agent more: --bpf-memory/,
          );
          assertEquals(await page.getAttribute("#icon", "href"), "/favicon-alert.svg");
        });
      },
    );

    await t.step("what was lost is a share once it is known of how many", async () => {
      const queries = new FleetQueries(fleet());
      queries.losses = () => Promise.resolve(LOST) as never;
      await open({ options: { queries }, context: {} }, async ({ page, url }) => {
        const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
        await page.route("**/api/windows*", async (route) => {
          await held;
          await route.continue();
        });
        await page.goto(url + CPU);
        await page.waitForSelector(".status:not(:empty)");
        assertMatch(await text(page, ".status"), / · 5\u2009000 lost · /);
        letGo();
        await page.waitForSelector(".status:has-text('22.9 % lost')");
      });
    });

    await t.step("storage that cannot be asked is said since when that is known", async () => {
      const problem = "ClickHouse at http://db does not answer";
      const health = () => ({ ...HEALTHY, storage: { ...HEALTHY.storage, problem } });
      await open({ options: { health }, query: CPU, context: {} }, async ({ page }) => {
        await page.waitForSelector(".banner.bad");
        const said = await text(page, ".banner.bad");
        assertMatch(
          said,
          /^Storage has failed since \d\d:\d\d:\d\d: ClickHouse at http:\/\/db does not answer\. 3 batches wait/,
        );
        // It is asked again, and that it lasts is no other time.
        const again = page.waitForResponse((response) => response.url().includes("/api/health"));
        await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
        await (await again).finished();
        await settled(page);
        assertEquals(await text(page, ".banner.bad"), said);
      });
    });

    await t.step("a time without samples is said, and no filter where there is none", async () => {
      for (const [match, said] of [["", ""], ['&match=node="gone"', " passes the filters"]] as const) {
        await open({ options: { queries: new FleetQueries([]) }, query: CPU + match }, async ({ page }) => {
          await page.waitForSelector(".graph .empty:not([hidden])");
          assertEquals(await text(page, ".graph .empty"), `Nothing in this time${said}`);
        });
      }
    });

    await t.step("an aggregator that is gone is said since when", async () => {
      // Of a time that is over the same is asked again.
      const query = `${CPU}&from=2026-01-31T12:00:00Z&to=2026-01-31T12:15:00Z`;
      await open({ query, allow: /ERR_/ }, async ({ page, asked }) => {
        await settled(page);
        await page.route("**/api/**", (route) => route.abort());
        await page.click('[aria-label="Ask again"]');
        await page.waitForSelector(".banner.bad");
        assertMatch(await text(page, ".banner.bad"), /^The aggregator does not answer since \d\d:\d\d:\d\d/);
        assert(await coloursOfRow(page, 3) >= 4);
        await page.unroute("**/api/**");
        asked.length = 0;
        await page.click('[aria-label="Ask again"]');
        await page.waitForSelector(".banner.bad", { state: "detached" });
        await page.waitForSelector(".graph .problem", { state: "hidden" });
        for (const path of ["/api/flamegraph", "/api/timeline"]) {
          assert(asked.some((each) => each.startsWith(path)), asked.join("\n"));
        }
      });
    });

    await t.step("with a token the page asks for it once, and comes back to the address", async () => {
      await open(
        { options: { access: testAccess("s3cret") }, query: CPU, context: {}, allow: /401/ },
        async ({ page, url }) => {
          await page.fill("#token", "guess");
          await page.click("button");
          assertEquals(await text(page, "#problem"), "That is not the token");
          await page.fill("#token", "s3cret");
          await page.click("button");
          await settled(page);
          assertEquals(page.url(), url + CPU);
          const [cookie] = await page.context().cookies();
          assertEquals([cookie!.httpOnly, cookie!.sameSite], [true, "Strict"]);
        },
      );
    });
  });
});
