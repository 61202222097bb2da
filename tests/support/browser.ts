// SPDX-License-Identifier: Apache-2.0
/**
 * Debian's chromium, driven by playwright.
 *
 * @module
 */

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
  if (shared) return await chromium.connect(await shared.text());
  return await chromium.launch({ ...CHROMIUM, args: [...CHROMIUM.args] });
}

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
