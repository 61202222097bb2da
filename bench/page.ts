// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Measures the page in headless chromium beside other viewers of flame graphs, which show the same graph in turn.
 *
 * @module
 */

import { type Browser, chromium } from "playwright-core";
import { build } from "../tasks/build.ts";
import { CHROMIUM } from "../tests/support/browser.ts";
import { type Action, ACTIONS, type FrameTimes, frameTimes, type Viewer } from "./page_frames.ts";
import { largeGraph } from "./page_graph.ts";
import { type Served, serveGrafana, serveOneBox, servePage, serveSpeedscope } from "./page_viewers.ts";
import type { Row } from "./row.ts";

const NODES = 100_000;
/** The page asks for so many boxes at once. */
const SENT = 10_000;
const ROUNDS = 2;
const LOADS = 5;
/** WebGL is reckoned by the CPU, as the canvases are. */
const FLAGS = ["--enable-unsafe-swiftshader"];

/** Returns the rows of `deno task bench page`. @param option how many boxes the graph has, instead of 100,000 */
export async function rows(option?: string): Promise<Row[]> {
  await build("ui");
  const nodes = option === undefined ? NODES : Number(option);
  const graph = largeGraph(nodes);
  await using cleanup = new AsyncDisposableStack();
  const browser = await chromium.launch({ ...CHROMIUM, args: [...CHROMIUM.args, ...FLAGS] });
  cleanup.defer(() => browser.close());
  const served = cleanup.use(await servePage(graph));
  const rivals = [
    cleanup.use(await serveSpeedscope(graph)),
    cleanup.use(await serveGrafana(graph)),
    // No rival, but what there is to reach.
    cleanup.use(serveOneBox()),
  ];
  const times = new Map<Served, Record<Action, FrameTimes>[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of [served, ...rivals]) {
      times.set(each, [...times.get(each) ?? [], await measured(browser, each)]);
    }
  }
  const best = (each: Served, action: Action, part: keyof FrameTimes) =>
    Math.min(...times.get(each)!.map((of) => of[action][part]));
  const frames = ACTIONS.flatMap((action) =>
    (["p50", "p95"] as const).flatMap((part) =>
      rivals.map((rival): Row => ({
        what: `${action}, ${nodes.toLocaleString("en")} boxes: frame time, ${part}`,
        ours: best(served, action, part),
        unit: "ms",
        rival: { name: rival.viewer.name, value: best(rival, action, part) },
        less: true,
      }))
    )
  );
  const usual = cleanup.use(await servePage(largeGraph(SENT)));
  return [...frames, ...await loadTimes(usual.viewer)];
}

async function measured(browser: Browser, { viewer }: Served): Promise<Record<Action, FrameTimes>> {
  // What drives the pages is script that the page's own rules would not let run.
  const page = await browser.newPage({ viewport: viewer.viewport, bypassCSP: true });
  try {
    return await frameTimes(page, viewer);
  } finally {
    await page.context().close();
  }
}

/** Loads the page anew, without anything cached, and with the frames of a screen. */
async function loadTimes({ url, viewport }: Viewer): Promise<Row[]> {
  const browser = await chromium.launch({ ...CHROMIUM, args: [...CHROMIUM.args] });
  const loads: { paint: number; timeline: number; graph: number }[] = [];
  try {
    for (let i = 0; i < LOADS; i++) {
      const page = await browser.newPage({ viewport });
      await page.addInitScript(watchLoading);
      await page.goto(url);
      const loaded = await page.waitForFunction(readLoading);
      loads.push(await loaded.jsonValue() as typeof loads[number]);
      await page.context().close();
    }
  } finally {
    await browser.close();
  }
  const middle = (of: (load: typeof loads[number]) => number) =>
    loads.map(of).sort((a, b) => a - b)[LOADS >> 1]!;
  return [
    { what: "load the page: first paint", ours: middle(({ paint }) => paint), unit: "ms", less: true },
    {
      what: "load the page: time line drawn",
      ours: middle(({ timeline }) => timeline),
      unit: "ms",
      less: true,
    },
    { what: "load the page: its graph drawn", ours: middle(({ graph }) => graph), unit: "ms", less: true },
  ];
}

/** Runs in the page, before its own script: notes when parts have drawn their answers. In ms since the load began. */
function watchLoading(): void {
  const seen: Record<string, number> = {};
  Object.assign(globalThis, { seen });
  new MutationObserver(() => {
    for (const name of ["timeline", "graph"]) {
      if (name in seen || !document.querySelector(`.${name}[data-state=""]`)) continue;
      requestAnimationFrame(() => setTimeout(() => seen[name] ??= performance.now()));
    }
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"] });
}

/** Runs in the page. */
function readLoading() {
  const { seen } = globalThis as never as { seen: Record<string, number> };
  const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const { timeline, graph } = seen;
  return paint !== undefined && timeline !== undefined && graph !== undefined && { paint, timeline, graph };
}
