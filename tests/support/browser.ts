// SPDX-License-Identifier: Apache-2.0
/**
 * Debian's chromium, driven by playwright.
 *
 * @module
 */

import { type EventEmitter, once } from "node:events";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { askShared } from "./shared.ts";

/** Says how the browser is started: it asks nothing of anybody. */
export const CHROMIUM = {
  executablePath: "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
} as const;

/** Opens the browser that all tests of a run share, or one of its own where nothing is shared; closing it leaves others alone. */
export async function openBrowser(): Promise<Browser> {
  const shared = await askShared("/browser");
  if (!shared) return await chromium.launch({ ...CHROMIUM, args: [...CHROMIUM.args] });
  const endpoint = await shared.text();
  const connection = connecting.then(() => connect(endpoint));
  connecting = connection.catch(() => {});
  return await connection;
}

/** Connections are made one after the other, so that each knows its socket. */
let connecting: Promise<unknown> = Promise.resolve();

/**
 * Connects to a browser. Playwright says that a connection is closed before the other end has closed it, too; a timer
 * waits for that, which Deno would take for one that a test forgot.
 */
async function connect(endpoint: string): Promise<Browser> {
  const browser = await chromium.connect(endpoint);
  const socket = newest!;
  const close = browser.close.bind(browser);
  return Object.assign(browser, {
    async close() {
      const closed = socket.readyState === Socket.CLOSED ? undefined : once(socket, "close");
      await close();
      await closed;
    },
  });
}

/** Is what playwright connects by: the package `ws`, as playwright brings it along. */
type Socket = EventEmitter & { readonly readyState: number; send(...args: unknown[]): void };
const { ws: Socket } = createRequire(import.meta.url)("playwright-core/lib/utilsBundle") as {
  readonly ws: { readonly prototype: Socket; readonly CLOSED: number };
};

/** Is the socket that sent something for the first time after all others. */
let newest: Socket | undefined;
const known = new WeakSet<Socket>();
const { send } = Socket.prototype;
Socket.prototype.send = function (...args) {
  if (!known.has(this)) known.add(newest = this);
  send.apply(this, args);
};

/** Opens a page in a context of its own, and fails when a script of the page does. */
export async function withPage(
  use: (page: Page) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  const browser = await openBrowser();
  try {
    const page = await browser.newPage(options);
    const errors: Error[] = [];
    page.on("pageerror", (error) => errors.push(error));
    await use(page);
    if (errors.length > 0) throw errors[0];
  } finally {
    await browser.close();
  }
}
