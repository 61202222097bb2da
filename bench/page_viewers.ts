// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Serves the page and its rivals, each with the same graph, and knows how each is used.
 *
 * @module
 */

import { createHandler } from "../aggregator/http/handler.ts";
import { loadPage } from "../aggregator/http/page.ts";
import { serveHttp } from "../common/serve_http.ts";
import type { FlameGraph } from "../profile/flame.ts";
import { fleet, randomOf } from "../tests/support/fleet.ts";
import { FleetQueries } from "../tests/support/fleet_queries.ts";
import { testOptions } from "../tests/support/http_handler.ts";
import { npmPackage } from "../tests/support/npm_package.ts";
import { nestedSet, SAMPLE_NS, speedscopeFile } from "./page_graph.ts";
import type { Viewer } from "./page_frames.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css" };

export interface Served extends AsyncDisposable {
  readonly viewer: Viewer;
}

function serve(handler: (request: Request) => Promise<Response>) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handler);
  return { url: `http://127.0.0.1:${server.addr.port}/`, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** Moves the pointer, or clicks, at a place that walks over the element `target`. */
const POINTER = `
const point = (target, type, x, y, more = {}) => {
  const { left, top, width, height } = target.getBoundingClientRect();
  const at = { clientX: left + x * width, clientY: Math.min(top + y, top + height - 4) };
  const Kind = type === "wheel" ? WheelEvent : type.startsWith("pointer") ? PointerEvent : MouseEvent;
  target.dispatchEvent(new Kind(type, { bubbles: true, cancelable: true, ...at, ...more }));
};
const x = (i * 0.618) % 1, y = 30 + (i * 23) % 150;`;

/** Types another word into `field`, which has the focus then, as React and others hear it. */
const TYPE = `
const type = (field) => {
  field.focus();
  const text = ["v", "vi", "visit", "Part1", "Part17", "hash_1", "hash_12", "ns6", "ns60", "read", "read_3", "w"][i];
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
};`;

/** Serves the page, whose aggregator has `graph` in memory. */
export async function servePage(graph: FlameGraph): Promise<Served> {
  const queries = new FleetQueries(fleet());
  const total = { value: graph.total, count: graph.total / SAMPLE_NS };
  // Answers are there at once: what a fleet in memory takes to reckon them is nothing of the page's.
  const answer = {
    ...await queries.tree({ kind: "cpu", from: 0, to: Date.now(), matchers: [] }),
    graph,
    total,
  };
  queries.tree = () => Promise.resolve(answer);
  queries.timeline = ({ from, to }, { step = 60 } = {}) => Promise.resolve(timelineOf({ from, to, step }));
  const handler = createHandler(testOptions({ page: await loadPage(), queries }));
  const server = await serveHttp({ listen: { hostname: "127.0.0.1", port: 0 }, handler });
  const canvas = `const canvas = document.querySelector(".graph-body > .flame canvas");${POINTER}`;
  return {
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    viewer: {
      name: "Aperture",
      url: `http://127.0.0.1:${server.address.port}/?view=cpu&group=comm`,
      viewport: { width: 1658, height: 1186 },
      isDrawn: `document.querySelector('.graph[data-state=""] canvas')`,
      reset: `document.querySelector(".graph-body > .flame").scrollTop = 0;
        document.querySelector(".crumbs button")?.click();`,
      actions: {
        pan: `document.querySelector(".graph-body > .flame").scrollTop = (i * 45) % 1000;`,
        zoom: `${canvas} document.querySelector(".graph-body > .flame").scrollTop = 0;
          point(canvas, "click", x, i % 2 ? 4 : 100);`,
        hover: `${canvas} point(canvas, "pointermove", x, y);`,
        search: `${TYPE} type(document.querySelector("#search"));`,
      },
    },
  };
}

const LANES = 8;

/** Makes up as many lanes as the page asks for at most, with a value in each step. */
function timelineOf({ from, to, step }: { from: number; to: number; step: number }) {
  const random = randomOf(LANES);
  const steps = Math.ceil((to - from) / 1000 / step);
  const lanes = Array.from({ length: LANES }, (_, lane) => {
    const value = Array.from({ length: steps }, () => Math.round(random() * step * 1e9 / (lane + 1)));
    const count = value.map((ns) => Math.round(ns / SAMPLE_NS));
    return { name: `program-${lane}`, module: "", rest: lane === LANES - 1, value, count };
  });
  return { from, step, steps, lanes, cost: { elapsedMs: 1, rowsRead: 0, bytesRead: 0 } };
}

/** Serves speedscope as its authors release it. It shows stacks merged, the heaviest at the left. */
export async function serveSpeedscope(graph: FlameGraph): Promise<Served> {
  const folder = `${await npmPackage("speedscope", "1.25.0")}/dist/release`;
  const server = serve((request) => fileOf(folder, request));
  const file = btoa(speedscopeFile(graph));
  // The first shows what the second frames; the boxes are drawn behind both.
  const view = `const canvas = document.querySelectorAll("canvas")[2];${POINTER}`;
  return {
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    viewer: {
      name: "speedscope 1.25.0",
      url: `${server.url}#localProfilePath=none`,
      viewport: { width: 1280, height: 900 },
      open: async (page) => {
        await page.waitForFunction("globalThis.speedscope");
        await page.evaluate(`speedscope.loadFileFromBase64("bench.json", ${JSON.stringify(file)})`);
        await page.waitForFunction(`document.body.innerText.includes("Left Heavy")`);
        await page.keyboard.press("2");
        await page.keyboard.press("Control+f");
      },
      isDrawn:
        `document.querySelectorAll("canvas").length > 2 && document.querySelector("input:not([type])")`,
      actions: {
        pan: `${view} point(canvas, "wheel", 0.5, 300, { deltaY: i % 20 < 10 ? 45 : -45 });`,
        // A tenth of what is shown, and back.
        zoom: `${view} point(canvas, "wheel", x, 300, { deltaY: i % 2 ? 360 : -36, ctrlKey: true });`,
        hover: `${view} point(canvas, "mousemove", x, y);`,
        search: `${TYPE} type(document.querySelector("input:not([type])"));`,
      },
    },
  };
}

/**
 * Serves a page that has as large a canvas as the others, and draws one box where they draw a graph: what its frames take
 * is what the browser and the machine ask for any picture, and no viewer can have less.
 */
export function serveOneBox(): Served {
  const html = `<!doctype html><body style="margin:0"><input><div style="overflow:auto;height:850px">
    <canvas width="1280" height="2000" style="display:block"></canvas></div>`;
  const server = serve(() =>
    Promise.resolve(new Response(html, { headers: { "content-type": "text/html" } }))
  );
  const draw = `const pen = document.querySelector("canvas").getContext("2d");
    pen.clearRect(0, 0, 1280, 2000);
    pen.fillStyle = "#f5b778";
    pen.fillRect(i * 20, 100, 600, 17);`;
  return {
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    viewer: {
      name: "a canvas with one box",
      url: server.url,
      viewport: { width: 1280, height: 880 },
      isDrawn: `document.querySelector("canvas")`,
      actions: {
        pan: `document.querySelector("div").scrollTop = (i * 45) % 1000;`,
        zoom: draw,
        hover: draw,
        search: `${TYPE} type(document.querySelector("input")); ${draw}`,
      },
    },
  };
}

/** Serves the panel of Grafana's Explore and of Pyroscope. */
export async function serveGrafana(graph: FlameGraph): Promise<Served> {
  const folder = await buildGrafana();
  const columns = JSON.stringify(nestedSet(graph));
  const html =
    `<!doctype html><body style="margin:0;background:#181b1f;color:#ccccdc;font:14px sans-serif"><div id="root" style="height:100vh;display:flex"></div>
    <script type="module" src="/grafana.js"></script>`;
  const server = serve(async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return new Response(html, { headers: { "content-type": "text/html" } });
    return pathname === "/graph.json" ? new Response(columns) : await fileOf(folder, request);
  });
  const canvas = `const canvas = document.querySelector("canvas");${POINTER}`;
  const scroller = `document.querySelector("#root > div")`;
  const unfocus = `document.querySelector('[aria-label="Remove focus"]')?.click();`;
  return {
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    viewer: {
      name: "@grafana/flamegraph 11.3.1",
      url: server.url,
      viewport: { width: 1280, height: 880 },
      open: async (page) => {
        const only = page.locator('label[title="Only show flame graph"]');
        await only.evaluate((label: HTMLElement) => label.click());
      },
      isDrawn: `document.querySelector("canvas")?.clientWidth > 1200`,
      reset: `${scroller}.scrollTop = 0; ${unfocus}`,
      actions: {
        pan: `${scroller}.scrollTop = (i * 45) % 1000;`,
        zoom: `${canvas}
          if (i % 2) ${unfocus}
          else {
            point(canvas, "click", x, 100);
            requestAnimationFrame(() => {
              const item = [...document.querySelectorAll("[role=menuitem]")]
                .find(({ textContent }) => textContent.includes("Focus block"));
              if (item) item.click();
            });
          }`,
        hover: `${canvas} point(canvas, "mousemove", x, y);`,
        search: `${TYPE} type(document.querySelector("input"));`,
      },
    },
  };
}

/** Fetches and bundles the panel, once. */
async function buildGrafana(): Promise<string> {
  const [from, to] = [`${ROOT}bench/rivals`, `${ROOT}.tools/bench/rivals`];
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  for (
    const args of [["install", "--quiet", "--frozen"], [
      "run",
      "--quiet",
      "--allow-all",
      "build.js",
      "dist/grafana.js",
    ]]
  ) {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: to }).output();
    if (!success) throw new Error(`Cannot build Grafana's panel: ${new TextDecoder().decode(stderr)}`);
  }
  return `${to}/dist`;
}

async function fileOf(folder: string, request: Request): Promise<Response> {
  const name = new URL(request.url).pathname.slice(1) || "index.html";
  const body = await Deno.readFile(`${folder}/${name}`).catch(() => undefined);
  if (!body) return new Response(null, { status: 404 });
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  return new Response(body, { headers: { "content-type": type } });
}
