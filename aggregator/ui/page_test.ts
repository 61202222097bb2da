// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { fleet, fleetOfAllKinds, FleetQueries } from "../../tests/support/fleet.ts";
import { testWith } from "../../tests/support/needs.ts";
import { build } from "../../tasks/build.ts";
import { createHandler } from "../http/handler.ts";
import { loadPage } from "../http/page.ts";
import { type HttpServer, serveHttp } from "../../common/serve_http.ts";
import { testAccess, testOptions } from "../../tests/support/http_handler.ts";
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

async function serve(options: Partial<HandlerOptions>): Promise<HttpServer> {
  await build("ui");
  const handler = createHandler(testOptions({ page: await loadPage(), ...options }));
  return serveHttp({ listen: { hostname: "127.0.0.1", port: 0 }, handler });
}

/** Opens the page in a browser; what it prints of errors fails the test. */
async function visit(
  { options = {}, query = "", context = {}, allow = /^$/ }: {
    options?: Partial<HandlerOptions>;
    query?: string;
    context?: BrowserContextOptions;
    allow?: RegExp;
  },
  look: (visit: Visit) => Promise<void>,
): Promise<void> {
  await using server = await serve(options);
  const url = `http://127.0.0.1:${server.address.port}/`;
  const browser: Browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...context });
    const errors: string[] = [];
    const asked: string[] = [];
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("request", (request) => asked.push(request.url().slice(url.length - 1)));
    await page.goto(url + query);
    await look({ page, url, asked });
    assertEquals(errors.filter((error) => !allow.test(error)), []);
  } finally {
    await browser.close();
  }
}

/** Waits until the graph is drawn and nothing is asked for. */
async function settled(page: Page): Promise<void> {
  await page.waitForSelector('#graph[aria-busy="false"]', { state: "attached" });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Counts the colours of the canvas' row `level`; 1 is an empty row. */
async function coloursOfRow(page: Page, level: number): Promise<number> {
  return await page.evaluate((level) => {
    const canvas = document.querySelector("canvas")!;
    const ratio = globalThis.devicePixelRatio;
    const y = Math.round((level * 20 + 2) * ratio);
    const { data } = canvas.getContext("2d")!.getImageData(0, y, canvas.width, 1);
    return new Set(new Uint32Array(data.buffer)).size;
  }, level);
}

async function text(page: Page, selector: string): Promise<string> {
  return (await page.textContent(selector))!.trim();
}

/** Clicks the graph's row `level`, at a share of its width. */
async function clickBox(page: Page, { level, at }: { level: number; at: number }): Promise<void> {
  const width = (await page.locator("canvas").boundingBox())!.width;
  await page.locator("canvas").click({ position: { x: width * at, y: level * 20 + 10 } });
  await settled(page);
}

testWith(["chromium"], "the page draws the selection's boxes and its hottest functions", async () => {
  await visit({}, async ({ page }) => {
    await settled(page);
    assertMatch(await text(page, "#summary"), /^2\.83 min CPU time.*16\u2009800 samples$/);
    assertEquals(await coloursOfRow(page, 0) <= 3, true);
    assert(await coloursOfRow(page, 3) >= 4);
    assertEquals(await page.locator("#rows tr").count(), 50);
    assertEquals(await page.locator("#kind-field").isVisible(), false);
    const nodes = await page.locator("#node option").allTextContents();
    assertEquals(nodes, ["All nodes (3)", "db-1 · 53.6 %", "web-1 · 31.0 %", "web-2 · 15.5 %"]);
    const pprof = await page.getAttribute('[data-format="pprof"]', "href");
    assertEquals(pprof, "/api/export/pprof?kind=cpu&from=-15m&to=now");
  });
});

testWith(
  ["chromium"],
  "a click zooms, the crumbs and Escape lead back, and the address keeps it",
  async () => {
    await visit({}, async ({ page }) => {
      await settled(page);
      await clickBox(page, { level: 1, at: 0.4 });
      assertEquals(await text(page, '#crumbs [aria-current="true"]'), "node");
      const zoomed = page.url();
      assertMatch(zoomed, /zoom=\w+/);
      await page.reload();
      await settled(page);
      assertEquals(await text(page, '#crumbs [aria-current="true"]'), "node");
      await page.keyboard.press("Escape");
      await settled(page);
      assertEquals(await page.locator("#crumbs").isVisible(), false);
      assertEquals(new URL(page.url()).search, "");
      await page.goBack();
      await settled(page);
      assertEquals(page.url(), zoomed);
      assertEquals(await text(page, '#crumbs [aria-current="true"]'), "node");
      await page.click("#crumbs .reset");
      assertEquals(await page.locator("#crumbs").isVisible(), false);
    });
  },
);

testWith(["chromium"], "a search highlights what matches and tells its share", async () => {
  await visit({}, async ({ page }) => {
    await settled(page);
    const before = await coloursOfRow(page, 3);
    await page.keyboard.press("/");
    await page.keyboard.type("postgres");
    await settled(page);
    assertMatch(await text(page, "#matched"), /^3[01]\.\d % matched$/);

    assert(await coloursOfRow(page, 3) !== before);
    await page.fill("#search", "^(ngx|SSL)_");
    assertEquals(await text(page, "#matched"), "0 % matched");
    await page.click("#regex");
    assertMatch(await text(page, "#matched"), /^[12]\d\.\d % matched$/);
    await page.fill("#search", "(");
    assertEquals(await text(page, "#matched"), "No regular expression");
    assertEquals(await page.getAttribute("#search", "aria-invalid"), "true");
    await page.focus("#search");
    await page.keyboard.press("Escape");
    assertEquals(await text(page, "#matched"), "");
  });
});

testWith(["chromium"], "choosing a process and a node asks again for them alone", async () => {
  await visit({}, async ({ page, asked }) => {
    await settled(page);
    asked.length = 0;
    await page.selectOption("#comm", "nginx");
    await page.selectOption("#node", "web-1");
    await page.waitForFunction(() =>
      document.querySelector("#node option:checked")?.textContent?.startsWith("web-1")
    );
    await settled(page);
    assert(
      asked.includes(`/api/flamegraph?kind=cpu&from=-15m&to=now&${matching('{node="web-1",comm="nginx"}')}`),
      asked.join("\n"),
    );
    // What can be chosen is not narrowed by the choice itself.
    assert(
      asked.includes(
        `/api/labels?label=comm&limit=500&kind=cpu&from=-15m&to=now&${matching('{node="web-1"}')}`,
      ),
    );
    assertEquals(new URL(page.url()).search, "?node=web-1&comm=nginx");
    const modules = await page.locator("#rows .module").allTextContents();
    assert(modules.length > 5 && !modules.includes("postgres"));
  });
});

testWith(
  ["chromium"],
  "the pointer shows a box's values, and the keyboard moves the focus and zooms",
  async () => {
    await visit({}, async ({ page }) => {
      await settled(page);
      const box = (await page.locator("canvas").boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.4, box.y + 30);
      assertMatch(await text(page, "#tooltip"), /^nodeTotal\d+\.\d s3\d\.\d %Self0 ns0 %$/);
      await page.mouse.move(2, 2);
      assertEquals(await page.locator("#tooltip").isVisible(), false);
      await page.focus("canvas");
      await page.keyboard.press("ArrowDown");
      assertMatch(await text(page, "#spoken"), /^(node|postgres), 3\d\.\d %, \d+\.\d s$/);
      await page.keyboard.press("Enter");
      await settled(page);
      assertMatch(await text(page, '#crumbs [aria-current="true"]'), /^(node|postgres)$/);
    });
  },
);

testWith(
  ["chromium"],
  "without samples the page says how to start an agent, and finds the first by itself",
  async () => {
    const queries = new FleetQueries([]);
    const filled = new FleetQueries(fleet());
    await visit({ options: { queries } }, async ({ page }) => {
      await page.waitForSelector("#empty:not([hidden])");
      assertEquals(await text(page, "#empty-title"), "No samples in this time");
      assertEquals(await text(page, "#command"), "./dev agent --aggregator http://127.0.0.1:50051");
      queries.tree = filled.tree.bind(filled);
      await page.waitForSelector("#graph:not([hidden])");
      await settled(page);
      assertMatch(await text(page, "#summary"), /16\u2009800 samples$/);
    });
  },
);

testWith(["chromium"], "filters that nothing passes can be cleared", async () => {
  await visit({ query: "?node=gone" }, async ({ page }) => {
    await page.waitForSelector("#empty:not([hidden])");
    assertEquals(await text(page, "#empty-title"), "Nothing matches");
    await page.click("#clear");
    await page.waitForSelector("#graph:not([hidden])");
    assertEquals(new URL(page.url()).search, "");
  });
});

testWith(["chromium"], "an error is shown with a way to try again", async () => {
  const queries = new FleetQueries(fleet());
  const tree = queries.tree.bind(queries);
  queries.tree = () => Promise.reject(Object.assign(new Error("no route"), { code: "ECONNREFUSED" }));
  await visit({ options: { queries }, allow: /503/ }, async ({ page }) => {
    await page.waitForSelector("#error:not([hidden])");
    assertEquals(await text(page, "#error span"), "Storage does not answer now: no route");
    queries.tree = tree;
    await page.click("#retry");
    await page.waitForSelector("#error", { state: "hidden" });
    await settled(page);
    assert(await coloursOfRow(page, 3) >= 4);
  });
});

testWith(["chromium"], "with a token the page asks for it once, and comes back to the address", async () => {
  await visit(
    { options: { access: testAccess("s3cret") }, query: "?comm=nginx", allow: /401/ },
    async ({ page, url }) => {
      await page.fill("#token", "guess");
      await page.click("button");
      assertEquals(await text(page, "#problem"), "That is not the token");
      await page.fill("#token", "s3cret");
      await page.click("button");
      await settled(page);
      assertEquals(page.url(), `${url}?comm=nginx`);
      assert(await coloursOfRow(page, 9) >= 3);
      const [cookie] = await page.context().cookies();
      assertEquals([cookie!.httpOnly, cookie!.sameSite], [true, "Strict"]);
    },
  );
});

testWith(
  ["chromium"],
  "a narrow, dark, dense screen gets a canvas of its own pixels, and no sideways scroll",
  async () => {
    const context = {
      viewport: { width: 390, height: 844 },
      deviceScaleFactor: 3,
      colorScheme: "dark",
    } as const;
    await visit({ context }, async ({ page }) => {
      await settled(page);
      const [pixels, css, overflow] = await page.evaluate(() => {
        const canvas = document.querySelector("canvas")!;
        return [canvas.width, canvas.clientWidth, document.documentElement.scrollWidth - innerWidth];
      });
      assertEquals([pixels, overflow], [css! * 3, 0]);
    });
  },
);

testWith(
  ["chromium"],
  "the page shows who waited for locks and for whom, idle threads when asked",
  async () => {
    const queries = new FleetQueries(fleetOfAllKinds());
    await visit({ options: { queries } }, async ({ page, asked }) => {
      await settled(page);
      assertEquals(await page.locator("#waits").isVisible(), false);
      assertEquals(await page.locator("#idle-field").isVisible(), false);
      assertEquals(await page.locator("#kind option").allTextContents(), ["CPU", "Locks", "System calls"]);
      await page.selectOption("#kind", "lock");
      await page.waitForSelector("#waits:not([hidden])");
      await settled(page);
      assertMatch(await text(page, "#summary"), /^11\.2 s waited for locks.*40\u2009710 waits$/);
      const rows = page.locator("#waits tbody tr");
      assertEquals(await rows.count(), 3);
      assertEquals(await rows.first().locator("td").allTextContents(), [
        ...["8.40 s", "31\u2009200", "1.08 ms", "mutex", "XLogInsertRecord"],
        ...["XLogWrite 72.6 % CopyXLogRecordToWAL 22.6 % ", ""],
      ]);
      assert(await coloursOfRow(page, 3) > 1);
      await page.click("#idle");
      await page.waitForFunction(() => document.querySelectorAll("#waits tbody tr").length === 4);
      assert(asked.includes("/api/locks?from=-15m&to=now&idle=true"), asked.join("\n"));
      assertMatch(page.url(), /\?kind=lock&idle=1$/);
      await page.click("#waits tbody tr:nth-child(2) button");
      assertEquals(await page.inputValue("#search"), "XLogInsertRecord");
    });
  },
);

testWith(["chromium"], "the page shows system calls with their latencies and errors", async () => {
  const queries = new FleetQueries(fleetOfAllKinds());
  await visit({ options: { queries }, query: "?kind=syscall" }, async ({ page }) => {
    await settled(page);
    assertMatch(await text(page, "#summary"), /in system calls.*calls$/);
    const rows = page.locator("#waits tbody tr");
    assertEquals(await rows.locator("td:nth-child(4)").allTextContents(), [
      ...["fdatasync", "pread64", "recvfrom", "openat"],
    ]);
    assertEquals(await rows.nth(2).locator("td").last().textContent(), "EAGAIN 201\u2009400, ECONNRESET 2");
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assertEquals(overflow, 0);
  });
});

function matching(match: string): string {
  return new URLSearchParams({ match }).toString();
}
