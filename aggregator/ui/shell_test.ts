// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { fleetOfAllKinds } from "../../tests/support/fleet.ts";
import { FleetQueries } from "../../tests/support/fleet_queries.ts";
import { bothGraphs, graphOf } from "../../tests/support/graphs.ts";
import { TEST_ALERTS } from "../../tests/support/http_handler.ts";
import { testWith } from "../../tests/support/needs.ts";
import { OTHER } from "../../profile/flame.ts";
import { clickBox, CPU, exported, search, settled, text, withVisits } from "../../tests/support/visits.ts";
import type { AlertsApi } from "../alerts/alerts_api.ts";
import type { Rule } from "../alerts/rule.ts";
import { RuleBookError } from "../alerts/rule_book.ts";

testWith(
  ["chromium"],
  "the page's selection is one for all views, and an address of it can be shared",
  async (t) => {
    await withVisits(async (open) => {
      await t.step("the bar is one line at 1280 px, also with a midnight in the time", async () => {
        await open({ query: CPU, context: {} }, async ({ page, url }) => {
          await page.clock.setFixedTime("2026-01-31T12:00:00Z");
          for (
            const [query, times] of [
              [CPU, "11:45 – 12:00"],
              [`${CPU}&from=2026-01-29T23:59:50Z&to=2026-01-30T00:40:50Z`, "01-29 23:59 – 01-30 00:40"],
            ] as const
          ) {
            await page.goto(url + query);
            await settled(page);
            assertEquals(await text(page, ".times"), times);
            const [bar, brand] = [
              await page.locator(".bar").boundingBox(),
              await page.locator(".brand").boundingBox(),
            ];
            assert(bar!.height < brand!.height * 2.5);
          }
        });
      });

      await t.step("a filter is completed with shares, and asked of all", async () => {
        await open({ query: CPU }, async ({ page, asked }) => {
          await settled(page);
          await page.click(".completing input");
          await page.keyboard.type("comm=");
          // Labels are listed before, and have words beside them, too.
          await page.waitForSelector('.completions li:has-text("nginx") small:not(:empty)');
          assertMatch(await text(page, ".completions li:first-child"), /^comm="\w+"\d\d\.\d %$/);
          asked.length = 0;
          await page.click('.completions li:has-text("nginx")');
          await settled(page);
          assertEquals(await text(page, ".token"), "comm = nginx×");
          assertMatch(search(page), /match=comm="nginx"/);
          for (const path of ["/api/flamegraph", "/api/timeline"]) {
            assert(
              asked.some((each) => each.startsWith(path) && each.includes('match={comm="nginx"}')),
              asked.join("\n"),
            );
          }
          await page.click(".tabs a:has-text('Overview')");
          await settled(page);
          assertEquals(await text(page, ".token"), "comm = nginx×");
          await page.click(".token button");
          await settled(page);
          assertEquals(await page.locator(".token").count(), 0);
        });
      });

      await t.step("labels that come late do not take the place of the values of one", async () => {
        await open({ query: CPU }, async ({ page }) => {
          await settled(page);
          const late = Promise.withResolvers<void>();
          await page.route(/\/api\/labels\?$/, async (route) => {
            await late.promise;
            await route.continue();
          });
          await page.click(".completing input");
          await page.keyboard.type("comm=");
          await page.waitForSelector('.completions li:has-text("nginx")');
          const answered = page.waitForResponse(/\/api\/labels\?$/);
          late.resolve();
          await (await answered).finished();
          await page.evaluate("new Promise((done) => setTimeout(done, 100))");
          assertMatch(await text(page, ".completions li:first-child"), /^comm="/);
        });
      });

      await t.step(
        "of many values those that match are offered, and it is said how many more do",
        async () => {
          const queries = new FleetQueries(fleetOfAllKinds());
          const { cost } = await queries.labelValues("node", { kind: "cpu", from: 0, to: 1, matchers: [] });
          const values = Array.from({ length: 200 }, (_, i) => {
            return { value: `web-${i}`, total: { value: 200 - i, count: 1 } };
          });
          queries.labelValues = () => Promise.resolve({ values, cost });
          await open({ options: { queries }, query: CPU }, async ({ page }) => {
            await settled(page);
            await page.click(".completing input");
            await page.keyboard.type("node=");
            const more = page.locator(".completions li:not([role=option])");
            await page.waitForSelector('.completions li:has-text("web-0")');
            assertEquals(await page.locator(".completions [role=option]").count(), 50);
            assertEquals(await more.textContent(), "150 more: type on");
            await page.keyboard.type("web-199");
            await page.waitForSelector('.completions li:first-child:has-text("web-199")');
            assertEquals(await more.count(), 0);
            await page.keyboard.press("ArrowDown");
            await page.keyboard.press("Enter");
            await settled(page);
            assertEquals(await text(page, ".token"), "node = web-199×");
          });
        },
      );

      await t.step("what is filtered by can be grouped by, also a label of pods", async () => {
        await open({ query: `${CPU}&match=label_app!="x"` }, async ({ page, asked }) => {
          await settled(page);
          await page.selectOption('[aria-label="Group by"]', "label_app");
          await settled(page);
          assert(asked.some((path) => path.startsWith("/api/timeline") && path.includes("by=label_app")));
          assert(asked.some((path) => path.includes("first_level=label_app")));
        });
      });

      await t.step(
        "a drag on the time line selects, keys move it, and Share has absolute times",
        async () => {
          const context = { permissions: ["clipboard-read", "clipboard-write"] };
          await open({ query: CPU, context }, async ({ page }) => {
            await settled(page);
            const box = (await page.locator(".timeline canvas").boundingBox())!;
            await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
            await page.mouse.down();
            await page.mouse.move(box.x + box.width * 0.5, box.y + 40, { steps: 4 });
            await page.mouse.up();
            await settled(page);
            const range = () =>
              ["from", "to"].map((name) => Date.parse(new URL(page.url()).searchParams.get(name)!));
            const [from, to] = range();
            assert(to! - from! > 180_000 && to! - from! < 280_000, `${to! - from!}`);
            await page.keyboard.press("[");
            await settled(page);
            assertEquals(range(), [from! - (to! - from!), from]);
            await page.selectOption("#range", "-1h");
            await page.keyboard.press("y");
            await page.waitForSelector(".said:not([hidden])");
            const copied = new URL(await page.evaluate(() => navigator.clipboard.readText())).searchParams;
            assertEquals(Date.parse(copied.get("to")!) - Date.parse(copied.get("from")!), 3_600_000);
          });
        },
      );

      await t.step("each view opens with data, by its tab and by its key", async () => {
        const queries = new FleetQueries(fleetOfAllKinds());
        await open({ options: { queries } }, async ({ page, asked }) => {
          await settled(page);
          assertEquals(await page.locator(".overview .card").count(), 5);
          assertMatch(
            await text(page, ".overview .card:nth-child(2)"),
            /^Locks11\.2 s waited.*XLogInsertRecord8\.40 sheld by XLogWrite/,
          );
          await page.keyboard.press("3");
          await settled(page);
          const first = await page.locator("main tbody tr:first-child td").first().textContent();
          assertEquals(first, "8.40 s");
          assertEquals(await page.locator(".flow g.pickable").count() >= 4, true);
          await page.click("main tbody tr:first-child");
          await settled(page);
          assertMatch(search(page), /pick=XLogInsertRecord/);
          assertMatch(
            await text(page, '[aria-label="Locks"] .row .quiet'),
            /11\.2 s waited .*hidden: 3\.53 min/,
          );
          assertMatch(await text(page, "main tbody tr:first-child"), /held by XLogWrite 72\.6 %/);
          assertMatch(
            await text(page, ".chains li"),
            /^XLogInsertRecord 8\.40 s held by XLogWrite 72\.6 %, which itself waits 900 ms in BufTableLookup held by BufferAlloc 100 %$/,
          );
          await page.click('[aria-label="Stacks of"] button:has-text("Who held")');
          await settled(page);
          assertMatch(search(page), /held=1.*pick=XLogInsertRecord/);
          assertMatch(
            asked.findLast((path) => path.includes("flamegraph"))!,
            /kind=lock.*holders=true.*focus=XLogWrite/,
          );
          await page.goBack();
          await settled(page);
          await page.click('[aria-label="Holders"] tbody button:has-text("XLogWrite")');
          await settled(page);
          assertMatch(search(page), /view=cpu.*match=process="postgres".*steps=focus:XLogWrite/);
          await page.goBack();
          await settled(page);
          await page.keyboard.press("4");
          await settled(page);
          assertEquals(await page.locator("main .card:first-child tbody .name").allTextContents(), [
            ...["fdatasync", "pread64", "recvfrom", "openat"],
          ]);
          await page.click('main tbody tr:has-text("recvfrom")');
          await settled(page);
          assertMatch(await text(page, ".errors"), /EAGAIN 201\u2009400/);
          assert(await page.locator("canvas.latencies").isVisible());
          const latencies = await exported(page, ".opened", "SVG");
          assertMatch(latencies.name, /latencies-recvfrom/);
          assertMatch(latencies.text, /<rect[^]*<text[^]*<\/svg>\n$/);
          assertMatch(await text(page, ".slow"), /^12 slow calls took 2\.05 s: on a CPU .*pg_wal/);
          await page.keyboard.press("6");
          await settled(page);
          assertMatch(await text(page, ".words"), /^A .* cores, B .* cores: as much time as before$/);
          await page.click('main button:has-text("Table")');
          await settled(page);
          assertEquals(await text(page, ".compare tbody"), "Nothing differs beyond chance");
          await page.keyboard.press("7");
          await settled(page);
          assertEquals(await page.locator('[aria-label="Agents"] tbody tr').count(), 3);
          await page.focus('.table-scroll[aria-label="Agents"]');
          for (const key of ["ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
          const agent = await text(page, '[aria-label="Agents"] tr[aria-selected="true"] .name');
          await page.keyboard.press("Enter");
          await settled(page);
          assertMatch(search(page), new RegExp(`view=cpu.*match=node="${agent}"`));
        });
      });

      await t.step(
        "alerts lead to what was measured, rules are switched and made, a refusal says why",
        async () => {
          const rule = (await TEST_ALERTS.rules(AbortSignal.timeout(1)))[0]!.rule;
          const state = { rule, isFixed: false, made: [] as Rule[] };
          const alerts: AlertsApi = {
            ...TEST_ALERTS,
            rules: () =>
              Promise.resolve([state.rule, ...state.made].map((rule) => ({ rule, source: "api" as const }))),
            rule: () => Promise.resolve({ rule: state.rule, source: "api" }),
            change: (_name, rule) => {
              if (state.isFixed) {
                return Promise.reject(new RuleBookError("The rule is of the file", "refused"));
              }
              state.rule = rule;
              return Promise.resolve();
            },
            create: (rule) => Promise.resolve(void state.made.push(rule)),
          };
          await open({ options: { alerts }, query: "?view=alerts", allow: /400/ }, async ({ page }) => {
            await settled(page);
            assertMatch(await text(page, '[aria-label="Alerts"] tbody'), /^firingwarningParserGrew 40 %/);
            assertEquals(await page.getAttribute('[aria-label="Alerts"] tbody a', "href"), "/");
            assertMatch(
              await text(page, '[aria-label="Rules"] tbody'),
              /share of parse_json > 30\.0 % over 5m/,
            );
            await page.click('[role="switch"]');
            await page.waitForSelector('[role="switch"][aria-checked="false"]');
            assertEquals(state.rule.enabled, false);
            state.isFixed = true;
            await page.click('[role="switch"]');
            await page.waitForSelector('[aria-label="Rules"] .problem:not([hidden])');
            assertEquals(
              await text(page, '[aria-label="Rules"] .problem'),
              "Nothing was changed. The rule is of the file",
            );
            assertEquals(await page.getAttribute('[role="switch"]', "aria-checked"), "false");
            await page.keyboard.press("2");
            await settled(page);
            await clickBox(page, { level: 4, at: 0.4, button: "right" });
            await page.click('.menu button:has-text("Alert on this")');
            await settled(page);
            await page.fill('[aria-label="Percent of CPU time"]', "12.5");
            await page.click('button:has-text("Create the rule")');
            await page.waitForFunction(() =>
              /> 12\.5 %/.test(document.querySelector('[aria-label="Rules"]')!.textContent!)
            );
            assertEquals(state.made.map(({ measure, threshold }) => [measure, threshold]), [[
              "share",
              0.125,
            ]]);
            assertEquals(await page.locator('[aria-label="New rule"]').isVisible(), false);
          });
        },
      );

      await t.step(
        "how a table is sorted, and which kinds of code have no colour, stand in the address",
        async () => {
          await open({ query: `${CPU}&mode=split` }, async ({ page }) => {
            await settled(page);
            const head = '[aria-label="Functions"] th:has-text("Function")';
            // Those that are in sight.
            const names = () => page.locator('[aria-label="Functions"] tbody .name').allTextContents();
            const byTime = await names();
            await page.click(`${head} button`);
            await settled(page);
            const byName = await names();
            assertEquals(byName, byName.toSorted());
            assertNotEquals(byName, byTime);
            assertMatch(search(page), /sort=Functions:Function$/);
            await page.click(`${head} button`);
            await page.click(".legend button");
            await settled(page);
            assertMatch(search(page), /faded=\w+&sort=Functions:Function-$/);
            await page.reload();
            await settled(page);
            const turned = await names();
            assertEquals(turned, turned.toSorted().reverse());
            assertNotEquals(turned, byTime);
            assertEquals(await page.getAttribute(head, "aria-sort"), "descending");
            assertEquals(await page.getAttribute(".legend button", "aria-pressed"), "false");
            await page.goBack();
            await settled(page);
            assertEquals(await page.getAttribute(".legend button", "aria-pressed"), "true");
            await page.goBack();
            await settled(page);
            assertEquals(await names(), byName);
            await page.goBack();
            await settled(page);
            assertEquals(await names(), byTime);
          });
        },
      );

      await t.step("what was cut in a comparison comes by a click, on both sides", async () => {
        const queries = new FleetQueries(fleetOfAllKinds());
        const cut = bothGraphs(
          graphOf("demo;main;big 60", "demo;main;more 40"),
          graphOf("demo;main;big 50", "demo;main;more 50"),
        );
        const rest = cut.names.indexOf("more");
        const graph = {
          ...cut,
          names: cut.names.with(rest, OTHER),
          modules: cut.modules.with(rest, ""),
        };
        const whole = bothGraphs(
          graphOf("demo;main;big 60", "demo;main;gone 40"),
          graphOf("demo;main;big 50", "demo;main;come 50"),
        );
        const asked: unknown[] = [];
        // So much is not asked for again.
        let total = 1;
        queries.diffTree = ((
          _base: unknown,
          _compare: unknown,
          { under, maxNodes }: { under?: string; maxNodes?: number } = {},
        ) => {
          asked.push(under ?? maxNodes);
          const isWhole = under !== undefined || maxNodes === 100_000;
          const side = { total: 100, count: 100 };
          return Promise.resolve({
            graph: isWhole ? whole : graph,
            ...{ base: side, compare: side },
            cut: isWhole ? { nodes: 0, total: 0, below: [] } : { nodes: 2, total, below: ["77"] },
            cost: { elapsedMs: 1, rowsRead: 0, bytesRead: 0 },
          });
        }) as typeof queries.diffTree;
        await open({ options: { queries }, query: "?view=compare&group=comm" }, async ({ page }) => {
          await settled(page);
          const folded = async () =>
            (await exported(page, ".compare", "Folded")).text.trim().split("\n").sort();
          assertEquals(await folded(), ["demo;main;big 60 50", `demo;main;${OTHER} 40 50`]);
          await clickBox(page, { level: 3, at: 0.9 });
          assertEquals(asked, [10_000, "77"]);
          const all = ["demo;main;big 60 50", "demo;main;come 0 50", "demo;main;gone 40 0"];
          assertEquals(await folded(), all);
          // Where much was cut it comes by itself.
          total = 90;
          await page.reload();
          await page.waitForFunction(() =>
            /striped\.$/.test(document.querySelector(".compare .scale")!.textContent!)
          );
          assertEquals(asked.slice(2), [10_000, 100_000]);
          assertEquals(await folded(), all);
        });
      });

      await t.step("a profile of pprof can be compared with", async () => {
        await open({ query: "?view=compare&group=comm" }, async ({ page, url }) => {
          await settled(page);
          const file = await (await fetch(`${url}api/export/pprof?from=-15m&match={comm="nginx"}`))
            .arrayBuffer();
          await page.setInputFiles('.compare-bar input[type="file"]', {
            name: "before.pb.gz",
            mimeType: "application/octet-stream",
            buffer: Buffer.from(file) as never,
          });
          await page.waitForFunction(() =>
            /takes more time/.test(document.querySelector(".words")!.textContent!)
          );
          assertMatch(await text(page, ".times:not(button)"), /A before\.pb\.gz/);
          // It does not come with the address, and nothing else is taken for it.
          await page.reload();
          await settled(page);
          assertMatch(await text(page, ".times:not(button)"), /A no file/);
          assertEquals(await text(page, ".words"), "There is nothing to compare with: A has no samples");
        });
      });

      await t.step(
        "what was done to a comparison stands above it, and its files have both sides",
        async () => {
          const query = `?view=compare&group=comm&base={comm="nginx"}&steps=preset:kernel`;
          await open({ query }, async ({ page }) => {
            await settled(page);
            assertMatch(await text(page, ".compare .chip"), /^without kernel \d\d\.\d % to callers×$/);
            await page.click('.compare button:has-text("without libc")');
            await settled(page);
            assertMatch(search(page), /steps=preset:kernel&steps=preset:libc/);
            await page.click('.compare button:has-text("Side by side")');
            await settled(page);
            const download = async (name: string) => (await exported(page, ".compare", name)).text;
            const folded = (await download("Folded")).trim().split("\n");
            assert(folded.every((line) => /;.* \d+ \d+$/.test(line)), folded[0]);
            assert(folded.some((line) => /^nginx;.* [1-9]\d* [1-9]\d*$/.test(line)), folded[0]);
            assert(folded.some((line) => /^node;.* 0 [1-9]\d*$/.test(line)), folded[0]);
            assert(!folded.some((line) => line.includes("do_syscall_64")));
            const { profiles } = JSON.parse(await download("speedscope"));
            assertEquals(profiles.map(({ name }: { name: string }) => name), ["A, before", "B, after"]);
            assertMatch(await download("SVG"), /^<\?xml[^]*node[^]*<\/svg>\n$/);
            await page.keyboard.press("Escape");
            await settled(page);
            assertEquals(await page.locator(".compare .chip").count(), 1);
          });
        },
      );
    });
  },
);
