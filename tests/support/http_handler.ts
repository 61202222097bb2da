// SPDX-License-Identifier: Apache-2.0
/**
 * A handler on a fleet in memory, for tests of HTTP and of the page.
 *
 * @module
 */

import { Registry } from "prom-client";
import { fleet, FleetQueries } from "./fleet.ts";
import { Access } from "../../aggregator/access/access.ts";
import { TokenSet } from "../../aggregator/access/tokens.ts";
import { createHandler } from "../../aggregator/http/handler.ts";
import type { Page } from "../../aggregator/http/page.ts";
import type { HandlerOptions, Health } from "../../aggregator/http/types.ts";

/** A page of nothing, for tests that do not look at it. */
export const BLANK_PAGE: Page = {
  files: new Map([["/", {
    type: "text/html; charset=utf-8",
    body: new TextEncoder().encode("<p>page</p>"),
  }]]),
  login: `<form><input name="next" value="__NEXT__">__ERROR__</form>`,
};

/** An aggregator that is well. */
export const HEALTHY: Health = {
  pushOk: 12,
  pushError: 1,
  buffer: { batches: 3, bytes: 4096, capacityBatches: 100, capacityBytes: 1_000_000, quarantined: 0 },
  storage: { mode: "embedded", pendingRows: 7 },
};

/** Returns the handler's options, `options` before the fake ones. */
export function testOptions(options: Partial<HandlerOptions> = {}): HandlerOptions {
  return {
    queries: new FleetQueries(fleet()),
    health: () => HEALTHY,
    staged: () => ({ batches: [], staged: 0 }),
    metrics: new Registry(),
    page: BLANK_PAGE,
    version: "1.2.3",
    ...options,
  };
}

/** Lets in who has `token`, and slows nobody. */
export function testAccess(token: string): Access {
  return new Access({ tokens: TokenSet.single(token), sleep: () => Promise.resolve() });
}

/** Asks a handler: `ask("/healthz")`. */
export function testHandler(options: Partial<HandlerOptions> = {}) {
  const handler = createHandler(testOptions(options));
  return (path: string, init?: RequestInit) => handler(new Request(`http://aggregator.test${path}`, init));
}
