// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { fleet, fleetOfAllKinds, FleetQueries } from "../../tests/support/fleet.ts";
import { testWith } from "../../tests/support/needs.ts";
import { build } from "../../tasks/build.ts";
import { createHandler } from "../http/handler.ts";
import { loadPage } from "../http/page.ts";
import { type HttpServer, serveHttp } from "../../common/serve_http.ts";
import { HEALTHY, TEST_ALERTS, testAccess, testOptions } from "../../tests/support/http_handler.ts";
import type { AlertsApi } from "../alerts/alerts_api.ts";
import type { Rule } from "../alerts/rule.ts";
import { RuleBookError } from "../alerts/rule_book.ts";
import type { HandlerOptions } from "../http/types.ts";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

interface Visit {
  readonly page: Page;
  readonly url: string;
  /** Paths of requests, in order. */
  readonly asked: string[];
}

interface VisitOptions {
  readonly options?: Partial<HandlerOptions>;
  readonly query?: string;
  readonly context?: BrowserContextOptions;
  /** Errors that the browser may print. */
  readonly allow?: RegExp;
}

type Open = (options: VisitOptions, look: (visit: Visit) => Promise<void>) => Promise<void>;

async function serve(options: Partial<HandlerOptions>): Promise<HttpServer> {
  const handler = createHandler(testOptions({ page: await loadPage(), ...options }));
  return serveHttp({ listen: { hostname: "127.0.0.1", port: 0 }, handler });
}

/** Opens a browser for all visits; what it prints of errors fails the test. */
function testPage(name: string, run: (t: Deno.TestContext, open: Open) => Promise<void>): void {
  testWith(["chromium"], name, async (t) => {
    await build("ui");
    const browser: Browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
    try {
      await run(t, async ({ options = {}, query = "", context = {}, allow = /^$/ }, look) => {
        await using server = await serve(options);
        const url = `http://127.0.0.1:${server.address.port}/`;
        const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...context });
        // The machine may be busy with other tests.
        page.setDefaultTimeout(120_000);
        const errors: string[] = [];
        const asked: string[] = [];
        page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
        page.on("pageerror", (error) => errors.push(error.message));
        page.on("request", (request) => asked.push(decodeURIComponent(request.url().slice(url.length - 1))));
        await page.goto(url + query);
        await look({ page, url, asked });
        await page.context().close();
        assertEquals(errors.filter((error) => !allow.test(error)), []);
      });
    } finally {
      await browser.close();
    }
  });
}

/** Waits until nothing is asked for, and what was answered is drawn. */
async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    return document.querySelector("main .view") && !document.querySelector('[aria-busy="true"]');
  });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Counts the colours of the first canvas' row `level`; 1 is an empty row. */
async function coloursOfRow(page: Page, level: number): Promise<number> {
  return await page.evaluate((level) => {
    const canvas = document.querySelector<HTMLCanvasElement>(".graph-body > .flame canvas")!;
    const y = Math.round((level * 18 + 2) * globalThis.devicePixelRatio);
    const { data } = canvas.getContext("2d")!.getImageData(0, y, canvas.width, 1);
    return new Set(new Uint32Array(data.buffer)).size;
  }, level);
}

async function text(page: Page, selector: string): Promise<string> {
  return (await page.textContent(selector))!.trim();
}

const CANVAS = ".graph-body > .flame canvas:first-child";

/** Clicks the graph's row `level`, at a share of its width. */
async function clickBox(
  page: Page,
  { level, at, button = "left", modifiers = [] }: {
    level: number;
    at: number;
    button?: "left" | "right";
    modifiers?: ("Alt" | "Shift")[];
  },
): Promise<void> {
  const canvas = page.locator(CANVAS).first();
  const width = (await canvas.boundingBox())!.width;
  await canvas.click({ position: { x: width * at, y: level * 18 + 8 }, button, modifiers });
  await settled(page);
}

const CPU = "?view=cpu&group=comm";
const search = (page: Page) => decodeURIComponent(new URL(page.url()).search);

testPage(
  "the page shows CPU time as a graph that zooms, filters, searches and is transformed",
  async (t, open) => {
    await t.step("boxes are drawn, and said of what they are", async () => {
      await open({ query: CPU }, async ({ page }) => {
        await settled(page);
        assertMatch(await text(page, ".status"), /^16\u2009800 samples · nothing lost/);
        assert(await coloursOfRow(page, 3) >= 4);
        assertEquals(await page.locator(".legend button").count() >= 4, true);
        assertEquals(await page.title(), "CPU · Aperture");
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
        assertEquals([await page.locator(".crumbs").isVisible(), search(page)], [false, CPU]);
        await page.goBack();
        await settled(page);
        assertEquals(page.url(), zoomed);
        assertMatch(await text(page, ".crumbs"), /› node/);
        await page.goForward();
        await settled(page);
        assertEquals(await page.locator(".crumbs").isVisible(), false);
      });
    });

    await t.step("the pointer and the arrows fill the panel, and Enter zooms", async () => {
      await open({ query: CPU }, async ({ page }) => {
        await settled(page);
        const box = (await page.locator(CANVAS).boundingBox())!;
        await page.mouse.move(box.x + box.width * 0.4, box.y + 2 * 18 + 8);
        assertEquals(await text(page, ".panel h2"), "_start");
        assertMatch(await text(page, ".panel dl"), /^Here\d+\.\d s · \d\d\.\d %Of the view/);
        await page.focus(CANVAS);
        await page.keyboard.press("ArrowDown");
        assertMatch(await text(page, ".flame [aria-live]"), /^(node|postgres), 3\d\.\d %, \d+\.\d s$/);
        await page.keyboard.press("Enter");
        await settled(page);
        assertMatch(await text(page, ".crumbs"), /(node|postgres)/);
      });
    });

    await t.step("a search counts hits, tells the share of all, and walks from hit to hit", async () => {
      await open({ query: CPU }, async ({ page }) => {
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
        await page.fill("#search", "/(/");
        await page.waitForFunction(() => /no regular/.test(document.querySelector(".found")!.textContent!));
        // It has no end; the page stays at hand, and says so.
        await page.fill("#search", "/^(([a-z_])+.)+[A-Z]([a-z_])+$/");
        await page.waitForFunction(() => !/no regular/.test(document.querySelector(".found")!.textContent!));
        await page.focus("#search");
        await page.keyboard.press("Escape");
        assertEquals(await text(page, ".found"), "");
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

    await t.step("exports are what is shown", async () => {
      await open({ query: CPU }, async ({ page }) => {
        await settled(page);
        const download = async (name: string) => {
          await page.click('.tools button:has-text("Export")');
          const [file] = await Promise.all([
            page.waitForEvent("download"),
            page.click(`.menu button:has-text("${name}")`),
          ]);
          return [file.suggestedFilename(), await Deno.readTextFile(await file.path())] as const;
        };
        const [name, svg] = await download("SVG");
        assertMatch(name, /^aperture-cpu-\d{8}T\d{6}Z\.svg$/);
        assertMatch(svg, /^<\?xml[^]*>postgres<[^]*<\/svg>\n$/);
        const folded = (await download("Folded"))[1].trim().split("\n");
        assert(folded.every((line) => /^[^;]+;.* \d+$/.test(line)));
        assertEquals(JSON.parse((await download("speedscope"))[1]).profiles[0].type, "sampled");
        assertMatch((await download("PNG"))[0], /\.png$/);
      });
    });
  },
);

testPage("the page's selection is one for all views, and an address of it can be shared", async (t, open) => {
  await t.step("a filter is completed with shares, and asked of all", async () => {
    await open({ query: CPU }, async ({ page, asked }) => {
      await settled(page);
      await page.click(".completing input");
      await page.keyboard.type("comm=");
      await page.waitForSelector(".completions li small:not(:empty)");
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

  await t.step("a drag on the time line selects, keys move it, and Share has absolute times", async () => {
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
      assertEquals(range(), [from! - (to! - from!), from]);
      await page.selectOption("#range", "-1h");
      await page.keyboard.press("y");
      await page.waitForSelector(".said:not([hidden])");
      const copied = new URL(await page.evaluate(() => navigator.clipboard.readText())).searchParams;
      assertEquals(Date.parse(copied.get("to")!) - Date.parse(copied.get("from")!), 3_600_000);
    });
  });

  await t.step("each view opens with data, by its tab and by its key", async () => {
    const queries = new FleetQueries(fleetOfAllKinds());
    await open({ options: { queries } }, async ({ page }) => {
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
      assertMatch(await text(page, '[aria-label="Locks"] .row .quiet'), /11\.2 s waited .*hidden: 3\.53 min/);
      assertMatch(await text(page, "main tbody tr:first-child"), /held by XLogWrite 72\.6 %/);
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
      assertMatch(await text(page, ".slow"), /^12 slow calls took 2\.05 s: on a CPU .*pg_wal/);
      await page.keyboard.press("5");
      await settled(page);
      assertMatch(await text(page, ".words"), /^A .* cores, B .* cores: as much time as before$/);
      await page.click('main button:has-text("Table")');
      await settled(page);
      assertEquals(await text(page, ".compare tbody"), "Nothing differs beyond chance");
      await page.keyboard.press("6");
      await settled(page);
      assertEquals(await page.locator('[aria-label="Agents"] tbody tr').count(), 3);
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
          if (state.isFixed) return Promise.reject(new RuleBookError("The rule is of the file", "refused"));
          state.rule = rule;
          return Promise.resolve();
        },
        create: (rule) => Promise.resolve(void state.made.push(rule)),
      };
      await open({ options: { alerts }, query: "?view=alerts", allow: /400/ }, async ({ page }) => {
        await settled(page);
        assertMatch(await text(page, '[aria-label="Alerts"] tbody'), /^firingwarningParserGrew 40 %/);
        assertEquals(await page.getAttribute('[aria-label="Alerts"] tbody a', "href"), "/");
        assertMatch(await text(page, '[aria-label="Rules"] tbody'), /share of parse_json > 30\.0 % over 5m/);
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
        assertEquals(state.made.map(({ measure, threshold }) => [measure, threshold]), [["share", 0.125]]);
        assertEquals(await page.locator('[aria-label="New rule"]').isVisible(), false);
      });
    },
  );

  await t.step("a profile of pprof can be compared with", async () => {
    await open({ query: "?view=compare&group=comm" }, async ({ page, url }) => {
      await settled(page);
      const file = await (await fetch(`${url}api/export/pprof?from=-15m&match={comm="nginx"}`)).arrayBuffer();
      await page.setInputFiles('.compare-bar input[type="file"]', {
        name: "before.pb.gz",
        mimeType: "application/octet-stream",
        buffer: Buffer.from(file) as never,
      });
      await page.waitForFunction(() =>
        /takes more time/.test(document.querySelector(".words")!.textContent!)
      );
      assertMatch(await text(page, ".times:not(button)"), /A before\.pb\.gz/);
    });
  });
});

testPage("the page tells the truth when something is missing or wrong", async (t, open) => {
  await t.step("without any agent it says how to start one, and finds the first by itself", async () => {
    const queries = new FleetQueries([]);
    const filled = new FleetQueries(fleet());
    await open({ options: { queries, ingestPort: 7 }, query: CPU }, async ({ page }) => {
      await page.waitForSelector(".empty-state code");
      assertEquals(await text(page, ".empty-state code"), "./dev agent --aggregator http://127.0.0.1:7");
      for (const name of ["tree", "timeline", "fleet"] as const) {
        queries[name] = filled[name].bind(filled) as never;
      }
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

  await t.step("storage that fails, and what was lost, are said with since when and what helps", async () => {
    const failing = { sinceMs: Date.parse("2026-01-31T12:00:00Z"), error: "disk full" };
    const health = () => ({ ...HEALTHY, storage: { ...HEALTHY.storage, failing } });
    const queries = new FleetQueries(fleet());
    const lost = {
      losses: { counts_map_full: 5000 },
      stackEnds: {},
      batches: 1,
      agents: 1,
      cost: { elapsedMs: 1, rowsRead: 0, bytesRead: 0 },
    };
    queries.losses = () => Promise.resolve(lost) as never;
    await open({ options: { health, queries }, query: CPU }, async ({ page }) => {
      await page.waitForSelector(".banner.bad");
      assertMatch(
        await text(page, ".banner.bad"),
        /^Storage takes nothing since 2026-01-31 12:00:00: disk full\. 3 batches wait/,
      );
      await page.waitForSelector(".banner.warn");
      assertMatch(
        await text(page, ".banner.warn"),
        /^22\.9 % .*maps were full\. Give the agent more: --bpf-memory/,
      );
      assertEquals(await page.getAttribute("#icon", "href"), "/favicon-alert.svg");
    });
  });

  await t.step("an aggregator that is gone is said since when", async () => {
    await open({ query: CPU, allow: /ERR_/ }, async ({ page }) => {
      await settled(page);
      await page.route("**/api/**", (route) => route.abort());
      await page.keyboard.press("2");
      await page.selectOption("#range", "-1h");
      await page.waitForSelector(".banner.bad");
      assertMatch(await text(page, ".banner.bad"), /^The aggregator does not answer since \d\d:\d\d:\d\d/);
      await page.unroute("**/api/**");
      await page.click('[aria-label="Ask again"]');
      await page.waitForSelector(".banner.bad", { state: "detached" });
    });
  });

  await t.step("with a token the page asks for it once, and comes back to the address", async () => {
    await open(
      { options: { access: testAccess("s3cret") }, query: CPU, allow: /401/ },
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

testPage("the page can be used by all, on any screen", async (t, open) => {
  const queries = new FleetQueries(fleetOfAllKinds());
  const axe = await Deno.readTextFile(new URL(import.meta.resolve("axe-core")));
  for (const colorScheme of ["light", "dark"] as const) {
    await t.step(`nothing serious is found by axe, ${colorScheme}`, async () => {
      const context = { colorScheme, bypassCSP: true };
      await open({ options: { queries }, query: CPU, context }, async ({ page }) => {
        for (const key of ["1", "2", "3", "4", "5", "6", "7"]) {
          await page.keyboard.press(key);
          await settled(page);
          await page.evaluate(axe);
          const found = await page.evaluate(async () => {
            const { violations } = await (globalThis as never as {
              axe: {
                run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
              };
            }).axe.run();
            return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
              .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n").slice(0, 400)}`);
          });
          assertEquals(found, [], `view ${key}`);
        }
      });
    });
  }

  await t.step(
    "a narrow, dense screen gets a canvas of its own pixels, and no sideways scroll in any view",
    async () => {
      const context = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 3 };
      await open({ options: { queries }, query: CPU, context }, async ({ page }) => {
        for (const key of ["1", "3", "4", "5", "6", "7", "2"]) {
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

Deno.test("HTML, CSS and scripts are 60 KB at most as they travel", async () => {
  await build("ui");
  const { files } = await loadPage();
  let size = 0;
  for (const [path, { body }] of files) {
    const packed = new Response(new Blob([body]).stream().pipeThrough(new CompressionStream("gzip")));
    if (!path.startsWith("/favicon")) size += (await packed.arrayBuffer()).byteLength;
  }
  assert(size <= 60_000, `${size} bytes`);
});
