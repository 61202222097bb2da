// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Visits to the page: a browser's page and a server that one step uses after the other, and what steps look at.
 *
 * @module
 */

import { text as streamText } from "node:stream/consumers";
import { assertEquals } from "@std/assert";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { createHandler } from "../../aggregator/http/handler.ts";
import { loadPage } from "../../aggregator/http/page.ts";
import type { HandlerOptions } from "../../aggregator/http/types.ts";
import { serveHttp } from "../../common/serve_http.ts";
import { build } from "../../tasks/build.ts";
import { openBrowser } from "./browser.ts";
import { testOptions } from "./http_handler.ts";

/** Looking at each frame, as playwright does by itself, would keep the browser drawing. */
const POLLING_MS = 20;

export interface Visit {
  readonly page: Page;
  readonly url: string;
  /** Paths of requests, in order. */
  readonly asked: string[];
}

export interface VisitOptions {
  readonly options?: Partial<HandlerOptions>;
  readonly query?: string;
  /** Gives the visit a context of its own, without what others left in theirs. */
  readonly context?: BrowserContextOptions;
  /** Lets the step turn the page's clock on, which goes by itself, too. Wants a context. @default {false} */
  readonly clock?: boolean;
  /** Errors that the browser may print. */
  readonly allow?: RegExp;
}

export type Open = (options: VisitOptions, look: (visit: Visit) => Promise<void>) => Promise<void>;

/** Runs `run` with visits to the page on a fleet in memory; what the browser prints of errors fails a visit. */
export async function withVisits(run: (open: Open) => Promise<void>): Promise<void> {
  await build("ui");
  const page = await loadPage();
  let handler = createHandler(testOptions({ page }));
  await using server = await serveHttp({
    listen: { hostname: "127.0.0.1", port: 0 },
    handler: (request, info) => handler(request, info),
  });
  const url = `http://127.0.0.1:${server.address.port}/`;
  const browser = await openBrowser();
  try {
    const common = await newPage(browser, {});
    await run(async ({ options = {}, query = "", context, clock = false, allow = /^$/ }, look) => {
      handler = createHandler(testOptions({ page, ...options }));
      const visited = context ? await newPage(browser, context) : common;
      if (clock) await visited.clock.install();
      const errors: string[] = [];
      const asked: string[] = [];
      using listening = new DisposableStack();
      const listen = ((name: "console", listener: () => void) => {
        visited.on(name, listener);
        listening.defer(() => visited.off(name, listener));
      }) as Page["on"];
      listen("console", (message) => {
        if (message.type() === "error") {
          errors.push(`${message.text()} ${decodeURIComponent(message.location().url)}`);
        }
      });
      listen("pageerror", (error) => void errors.push(error.message));
      listen(
        "request",
        (request) => void asked.push(decodeURIComponent(request.url().slice(url.length - 1))),
      );
      await visited.goto(url + query);
      await look({ page: visited, url, asked });
      if (context) await visited.context().close();
      assertEquals(errors.filter((error) => !allow.test(error)), []);
    });
  } finally {
    await browser.close();
  }
}

/** Nothing moves that would be drawn again and again. */
const VIEWPORT: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" };

async function newPage(browser: Browser, options: BrowserContextOptions): Promise<Page> {
  const page = await browser.newPage({ ...VIEWPORT, ...options });
  // The machine may be busy with other tests.
  page.setDefaultTimeout(120_000);
  return page;
}

/** Waits until nothing is asked for, and what was answered is drawn. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () => {
      return document.querySelector("main .view") && !document.querySelector('[aria-busy="true"]');
    },
    undefined,
    { polling: POLLING_MS },
  );
  // What is put off until a frame has been drawn comes by timers, which fire in their order: a frame for each of two.
  await page.evaluate(async () => {
    for (let frames = 0; frames < 3; frames++) {
      await new Promise<void>((done) => requestAnimationFrame(() => setTimeout(done)));
    }
  });
}

/** Counts the colours of the first canvas' row `level`; 1 is an empty row. */
export async function coloursOfRow(page: Page, level: number): Promise<number> {
  return await page.evaluate((level) => {
    const canvas = document.querySelector<HTMLCanvasElement>(".graph-body > .flame canvas")!;
    const y = Math.round((level * 18 + 2) * globalThis.devicePixelRatio);
    const { data } = canvas.getContext("2d")!.getImageData(0, y, canvas.width, 1);
    return new Set(new Uint32Array(data.buffer)).size;
  }, level);
}

export async function text(page: Page, selector: string): Promise<string> {
  return (await page.textContent(selector))!.trim();
}

export const CANVAS = ".graph-body > .flame canvas:first-child";

/** Clicks the graph's row `level`, at a share of its width. */
export async function clickBox(
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

/** Takes the file `name` of the menu "Export" that is in `within`, a selector, and returns what it is called and holds. */
export async function exported(
  page: Page,
  within: string,
  name: string,
): Promise<{ readonly name: string; readonly text: string }> {
  await page.click(`${within} button:has-text("Export")`);
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.click(`.menu button:has-text("${name}")`),
  ]);
  return { name: file.suggestedFilename(), text: await streamText(await file.createReadStream()) };
}

/** Is the view of CPU time, whose boxes the fleet in memory knows the threads of. */
export const CPU = "?view=cpu&group=comm";

/** Returns what the page's address asks for. */
export function search(page: Page): string {
  return decodeURIComponent(new URL(page.url()).search);
}
