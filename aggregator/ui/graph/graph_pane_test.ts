// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { fleetOfAllKinds } from "../../../tests/support/fleet.ts";
import { FleetQueries } from "../../../tests/support/fleet_queries.ts";
import { testWith } from "../../../tests/support/needs.ts";
import {
  CANVAS,
  clickBox,
  coloursOfRow,
  CPU,
  exported,
  search,
  settled,
  text,
  withVisits,
} from "../../../tests/support/visits.ts";

testWith(
  ["chromium"],
  "the page shows CPU time as a graph that zooms, filters, searches and is transformed",
  async (t) => {
    await withVisits(async (open) => {
      await t.step("boxes are drawn, and said of what they are", async () => {
        await open({ query: CPU }, async ({ page }) => {
          await settled(page);
          assertMatch(await text(page, ".status"), /^16\u2009800 samples · nothing lost/);
          assert(await coloursOfRow(page, 3) >= 4);
          assertEquals(await page.locator(".legend button").count() >= 4, true);
          assertEquals(await page.title(), "CPU · Aperture");
        });
      });

      await t.step("what was too thin to be loaded is the rest of the kinds of code", async () => {
        await open({ query: CPU }, async ({ page }) => {
          await settled(page);
          const said = await text(page, ".crumbs");
          const [, cut] = /, (\d+\.\d) % of all is too thin to be loaded$/.exec(said) ?? [];
          const shares = await page.locator(".legend small").allTextContents();
          const kinds = shares.reduce((sum, share) => sum + parseFloat(share), 0);
          assertAlmostEquals(Number(cut) + kinds, 100, 0.5, said);
        });
      });

      await t.step(
        "where much was cut nearly all comes once the first is drawn, and stands where that did",
        async () => {
          const queries = new FleetQueries(fleetOfAllKinds());
          const tree = queries.tree.bind(queries);
          const asked: unknown[] = [];
          const held = Promise.withResolvers<void>();
          queries.tree = async (selection, options = {}) => {
            const { maxNodes } = options;
            asked.push(maxNodes);
            if (maxNodes !== 10_000) {
              await held.promise;
              return await tree(selection, options);
            }
            const few = await tree(selection, { ...options, maxNodes: 40 });
            return { ...few, cut: { nodes: 1, total: few.total.value / 2, below: [] } };
          };
          await open({ options: { queries }, query: `${CPU}&mode=split` }, async ({ page }) => {
            await settled(page);
            const rows = page.locator('[aria-label="Functions"] tbody tr');
            const few = await rows.count();
            const flame = page.locator(".graph-body > .flame");
            const top = () => flame.evaluate((root) => root.scrollTop);
            await flame.evaluate((root) => root.style.height = "40px");
            await settled(page);
            await flame.evaluate((root) => root.scrollTop = 30);
            await settled(page);
            assertEquals(await top(), 30);
            held.resolve();
            await page.waitForFunction(
              (few) => document.querySelectorAll('[aria-label="Functions"] tbody tr').length > few,
              few,
            );
            assertEquals(asked, [10_000, 100_000]);
            assertEquals(await top(), 30);
            // It would come every few seconds.
            await page.keyboard.press(".");
            await settled(page);
            await page.waitForFunction(
              (few) => document.querySelectorAll('[aria-label="Functions"] tbody tr').length === few,
              few,
            );
            assert(!asked.slice(2).includes(100_000), asked.join());
          });
        },
      );

      await t.step("the graph leaves a frame to what was answered with it", async () => {
        await open({ context: {} }, async ({ page, url }) => {
          await page.addInitScript(() => {
            const held: FrameRequestCallback[] = [];
            const { requestAnimationFrame } = globalThis;
            globalThis.requestAnimationFrame = (frame) => held.push(frame);
            Object.assign(globalThis, {
              release: () => {
                globalThis.requestAnimationFrame = requestAnimationFrame;
                for (const frame of held) requestAnimationFrame(frame);
              },
            });
          });
          const answered = page.waitForResponse((response) => response.url().includes("/api/flamegraph"));
          await page.goto(url + CPU);
          await (await answered).finished();
          const polling = { polling: 20 };
          await page.waitForFunction(
            () => document.querySelector('.timeline[data-state=""]'),
            undefined,
            polling,
          );
          assertEquals(await page.locator(".graph").getAttribute("data-state"), "loading");
          await page.evaluate("release()");
          await settled(page);
          assertEquals(await page.locator(".graph").getAttribute("data-state"), "");
        });
      });

      await t.step("a click zooms, the address keeps it, and back and Escape lead out", async () => {
        await open({ query: CPU }, async ({ page }) => {
          await settled(page);
          await clickBox(page, { level: 1, at: 0.4 });
          assertMatch(await text(page, ".crumbs"), /› node/);
          const zoomed = page.url();
          assertMatch(zoomed, /zoom=\w+/);
          await page.reload();
          await settled(page);
          assertMatch(await text(page, ".crumbs"), /› node/);
          await page.keyboard.press("Escape");
          await settled(page);
          assertMatch(await text(page, ".crumbs"), /^Whole graph 100 % of the selection,/);
          assertEquals(search(page), CPU);
          await page.goBack();
          await settled(page);
          assertEquals(page.url(), zoomed);
          assertMatch(await text(page, ".crumbs"), /› node/);
          await page.goForward();
          await settled(page);
          assertMatch(await text(page, ".crumbs"), /^Whole graph \d/);
        });
      });

      await t.step("a click has drawn the graph before the next frame begins", async () => {
        await open({ query: CPU }, async ({ page }) => {
          await settled(page);
          const [before, after] = await page.evaluate(async (selector) => {
            const canvas = document.querySelector<HTMLCanvasElement>(selector)!;
            const row = () =>
              canvas.getContext("2d")!.getImageData(0, 3 * 18 + 2, canvas.width, 1).data.join();
            const before = row();
            const { left, top, width } = canvas.getBoundingClientRect();
            canvas.dispatchEvent(new MouseEvent("click", { clientX: left + width * 0.4, clientY: top + 26 }));
            // What comes in a frame, or by a timer, comes later.
            await Promise.resolve();
            return [before, row()];
          }, CANVAS);
          assert(before !== after);
          await settled(page);
          assertMatch(await text(page, ".crumbs"), /› node/);
        });
      });

      await t.step("the pointer and the arrows fill the panel, and Enter zooms", async () => {
        await open({ query: CPU }, async ({ page }) => {
          await settled(page);
          const box = (await page.locator(CANVAS).boundingBox())!;
          await page.mouse.move(box.x + box.width * 0.4, box.y + 3 * 18 + 8);
          assertEquals(await text(page, ".panel h2"), "_start");
          assertMatch(await text(page, ".panel dl"), /^Here\d+\.\d s · \d\d\.\d %Of the view/);
          await page.focus(CANVAS);
          await page.keyboard.press("ArrowDown");
          assertMatch(await text(page, ".flame [aria-live]"), /^(node|postgres), 3\d\.\d %, \d+\.\d s$/);
          await page.keyboard.press("ArrowDown");
          const walked = await text(page, ".flame [aria-live]");
          await page.keyboard.press("m");
          await page.keyboard.press("Escape");
          await page.keyboard.press("ArrowUp");
          await page.keyboard.press("ArrowDown");
          assertEquals(await text(page, ".flame [aria-live]"), walked);
          await page.keyboard.press("m");
          await page.keyboard.press("Escape");
          await page.keyboard.press("Enter");
          await settled(page);
          assert((await text(page, ".crumbs")).includes(`› ${walked.split(",")[0]}`));
        });
      });

      await t.step("a search counts hits, tells the share of all, and walks from hit to hit", async () => {
        await open({ query: CPU }, async ({ page, asked }) => {
          await settled(page);
          const before = await coloursOfRow(page, 3);
          await page.keyboard.press("/");
          await page.keyboard.type("m:postgres");
          await page.waitForFunction(() => /hits/.test(document.querySelector(".found")!.textContent!));
          assertMatch(await text(page, ".found"), /^\d+ hits · 3[01]\.\d %$/);
          await settled(page);
          assert(await coloursOfRow(page, 3) !== before);
          await page.fill("#search", "/^(ngx|SSL)_/");
          await page.waitForFunction(() =>
            /· [12]\d\.\d %/.test(document.querySelector(".found")!.textContent!)
          );
          await page.keyboard.press("Enter");
          await settled(page);
          assertMatch(page.url(), /zoom=/);
          assertMatch(await text(page, ".panel h2"), /^(ngx|SSL)_/);
          await page.fill("#search", "/^_bt_next$/");
          await page.waitForFunction(() =>
            !/ 2\d\.\d %/.test(document.querySelector(".found")!.textContent!)
          );
          const hits: (string | null)[] = [];
          for (
            const key of ["Enter", "Enter", "Enter", "Shift+Enter", "Shift+Enter", "Shift+Enter", "Enter"]
          ) {
            await page.keyboard.press(key);
            await settled(page);
            assertMatch(await text(page, ".crumbs"), /› _bt_next /);
            hits.push(new URL(page.url()).searchParams.get("zoom"));
          }
          const [first, second, third] = hits;
          const last = hits[5];
          assertEquals(hits, [first, second, third, second, first, last, first]);
          assertEquals(new Set([first, second, third, last]).size, 4);
          await page.fill("#search", "f:bin/postgres.c m:postgres");
          await page.waitForFunction(() => /hits/.test(document.querySelector(".found")!.textContent!));
          const files = asked.filter((path) => path.includes("aggregate"));
          await page.fill("#search", "f:bin/postgres.c m:node");
          await page.waitForFunction(() => /no hits/.test(document.querySelector(".found")!.textContent!));
          assertEquals([files.length, asked.filter((path) => path.includes("aggregate")).length], [1, 1]);
          await page.fill("#search", "/(/");
          await page.waitForFunction(() => /no regular/.test(document.querySelector(".found")!.textContent!));
          // It has no end; the page stays at hand, and says so.
          await page.fill("#search", "/^(([a-z_])+.)+[A-Z]([a-z_])+$/");
          await page.waitForFunction(() =>
            !/no regular/.test(document.querySelector(".found")!.textContent!)
          );
          await page.focus("#search");
          await page.keyboard.press("Escape");
          assertEquals(await text(page, ".found"), "");
        });
      });

      await t.step("the worker has the names of the graph in sight before the first letter", async () => {
        await open({ context: {} }, async ({ page, url }) => {
          await page.addInitScript(() => {
            const { postMessage } = Worker.prototype;
            const told: string[] = [];
            Object.assign(globalThis, { told });
            Worker.prototype.postMessage = function (
              this: Worker,
              message: { text: string; names?: unknown },
            ) {
              if (message.names) told.push(message.text);
              postMessage.call(this, message);
            } as typeof postMessage;
          });
          const told = () => page.evaluate(() => (globalThis as never as { told: string[] }).told);
          await page.goto(url + CPU);
          await settled(page);
          assertEquals(await told(), []);
          await page.focus("#search");
          assertEquals(await told(), [""]);
          // A graph that is out of sight is not searched.
          await page.click(".tabs a:has-text('Overview')");
          await settled(page);
          await page.focus("#search");
          assertEquals(await told(), [""]);
          await page.click(".tabs a:has-text('Compare')");
          await settled(page);
          await page.focus("#search");
          assertEquals(await told(), ["", ""]);
        });
      });

      await t.step(
        "the menu's steps are chips that can be taken off, and asked of the aggregator",
        async () => {
          await open({ query: CPU }, async ({ page, asked }) => {
            await settled(page);
            await clickBox(page, { level: 4, at: 0.4, button: "right" });
            const items = await page.locator(".menu button > span").allTextContents();
            assert(items.includes("Callers only") && items.includes("Copy the stack"), items.join());
            await page.click('.menu button:has-text("Hide stacks")');
            await settled(page);
            assertMatch(await text(page, ".chip"), /^hidden: stacks through \S+ .*hidden×$/);
            assertMatch(asked.findLast((path) => path.includes("flamegraph"))!, /hide=\["[^"]+"\]/);
            await page.keyboard.press("r");
            await settled(page);
            assertMatch(asked.findLast((path) => path.includes("flamegraph"))!, /collapse_recursion=true/);
            assertEquals(await page.locator(".chip").count(), 2);
            await page.keyboard.press("Escape");
            await page.click(".chip button");
            await settled(page);
            assertEquals([await page.locator(".chip").count(), search(page)], [0, CPU]);
          });
        },
      );

      await t.step("a preset leaves frames out here, and says how much it moved", async () => {
        await open({ query: CPU }, async ({ page, asked }) => {
          await settled(page);
          const before = asked.length;
          await page.click('[data-preset="kernel"]');
          await settled(page);
          assertMatch(await text(page, ".chip"), /^without kernel \d+\.\d % to callers×$/);
          assertEquals(asked.slice(before).filter((path) => path.includes("flamegraph")), []);
          assertEquals((await page.locator(".legend").textContent())!.includes("kernel"), false);
        });
      });

      await t.step(
        "the table has the same, sorts, and Enter shows a function between callers and callees",
        async () => {
          await open({ query: `${CPU}&mode=table` }, async ({ page, asked }) => {
            await settled(page);
            const first = () => text(page, ".graph tbody tr:first-child .name");
            const bySelf = await first();
            await page.click('.graph th button:has-text("Total")');
            assert(await first() !== bySelf);
            assertMatch(await first(), /^(_start|__libc_start_main)$/);
            const picked = await first();
            await page.click(".graph tbody tr:first-child");
            await page.focus(".graph .table-scroll");
            await page.keyboard.press("Enter");
            await settled(page);
            assertEquals(await text(page, ".middle"), picked);
            assert(
              asked.some((path) => path.includes(`callers=${picked}`)) &&
                asked.some((path) => path.includes(`callees=${picked}`)),
            );
            assertMatch(search(page), /mode=sandwich/);
          });
        },
      );

      await t.step("a sandwich that nobody chose a function for is of the one that takes most", async () => {
        await open({ query: `${CPU}&mode=sandwich` }, async ({ page }) => {
          await page.waitForSelector(".middle:not(:empty)");
          await settled(page);
          assertEquals(search(page), `${CPU}&mode=sandwich`);
          assert(await page.locator(".sandwich canvas").first().isVisible());
        });
      });

      await t.step("a graph with its root below stands on the floor of a view that is higher", async () => {
        const context = { viewport: { width: 1280, height: 2400 } };
        await open({ query: `${CPU}&up=1`, context }, async ({ page }) => {
          await settled(page);
          const canvas = page.locator(CANVAS).first();
          const { x, above, below, height } = await canvas.evaluate((canvas) => {
            const { width, height } = canvas as HTMLCanvasElement;
            const x = width >> 1;
            const context = (canvas as HTMLCanvasElement).getContext("2d")!;
            const { data } = context.getImageData(x, 0, 1, height);
            const drawn = [...data.keys()].filter((i) => i % 4 === 3 && data[i]! > 0).map((i) => i >> 2);
            return { x, above: drawn[0]!, below: height - 1 - drawn.at(-1)!, height };
          });
          assert(above > 18 && below < 18, `${above} ${below}`);
          // A box is looked at where it is drawn.
          await canvas.hover({ position: { x, y: 10 } });
          assertEquals(await page.locator(".panel.filled").count(), 0);
          await canvas.hover({ position: { x, y: height - below - 27 } });
          assertEquals(await page.locator(".panel.filled").count(), 1);
        });
      });

      await t.step("exports are what is shown", async () => {
        await open({ query: CPU }, async ({ page }) => {
          await settled(page);
          const download = (name: string) => exported(page, ".tools", name);
          const { name, text: svg } = await download("SVG");
          assertMatch(name, /^aperture-cpu-\d{8}T\d{6}Z\.svg$/);
          assertMatch(svg, /^<\?xml[^]*>postgres<[^]*<\/svg>\n$/);
          const folded = (await download("Folded")).text.trim().split("\n");
          assert(folded.every((line) => /^[^;]+;.* \d+$/.test(line)));
          assertEquals(JSON.parse((await download("speedscope")).text).profiles[0].type, "sampled");
          assertMatch((await download("PNG")).name, /\.png$/);
          const line = await exported(page, ".timeline", "CSV");
          assertMatch(line.name, /^aperture-time-line-cpu-\d{8}T\d{6}Z\.csv$/);
          assertMatch(line.text, /^Begin,.*: cores busy\r\n20\d\d-.*Z,[\d.]+/);
          assertMatch((await exported(page, ".timeline", "PNG")).name, /^aperture-time-line-.*\.png$/);
          const picture = (await exported(page, ".timeline", "SVG")).text;
          assertMatch(picture, /^<\?xml[^]*<path d="M[^"]*" fill="#[^]*>cores busy<[^]*<\/svg>\n$/);
        });
      });

      await t.step("a sandwich, a table and the flow of locks are files, too", async () => {
        await open(
          { query: `${CPU}&mode=sandwich&fn=_start%09/usr/bin/postgres` },
          async ({ page, asked }) => {
            await settled(page);
            const svg = (await exported(page, ".tools", "SVG")).text;
            assertMatch(svg, />callers<[^]*>_start {2}[\d.]+ % of the selection[^]*>callees</);
            assertMatch((await exported(page, ".tools", "PNG")).name, /\.png$/);
            await page.keyboard.press("t");
            await settled(page);
            const [table] = await Promise.all([
              page.waitForEvent("download"),
              page.click('[title="Save Functions as CSV"]'),
            ]);
            assertEquals(table.suggestedFilename(), "aperture-functions.csv");
            await page.keyboard.press("3");
            await settled(page);
            const within = '[aria-label="Waiters, lock and holders"]';
            assertMatch((await exported(page, within, "PNG")).name, /^aperture-lock-flow-.*\.png$/);
            const { text } = await exported(page, within, "SVG");
            assertMatch(
              text,
              /^<\?xml[^]*<svg [^>]*width="\d+"[^]*text\{font:[^]* fill="#[^]*>waiters<[^]*<\/svg>\n$/,
            );
            assertEquals(/role="button"|tabindex/.test(text), false);
            // The time line above marks what was replaced among those who waited.
            assert(asked.some((path) => path.startsWith("/api/builds?") && path.includes("kind=lock")));
          },
        );
      });
    });
  },
);
