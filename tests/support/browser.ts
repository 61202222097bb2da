// SPDX-License-Identifier: Apache-2.0
/**
 * Debian's chromium, driven by playwright.
 *
 * @module
 */

import { type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Opens a page in a browser of its own, and fails when a script of the page does. */
export async function withPage(
  use: (page: Page) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  const browser = await chromium.launch({
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
  });
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
