// SPDX-License-Identifier: Apache-2.0
/**
 * A handler on a fleet in memory, for tests of HTTP and of the page.
 *
 * @module
 */

import { Registry } from "prom-client";
import { fleet } from "./fleet.ts";
import { FleetQueries } from "./fleet_queries.ts";
import { Access } from "../../aggregator/access/access.ts";
import { TokenSet } from "../../aggregator/access/tokens.ts";
import type { Alert } from "../../aggregator/alerts/alert.ts";
import type { AlertsApi } from "../../aggregator/alerts/alerts_api.ts";
import { estimate } from "../../aggregator/alerts/estimate.ts";
import { parseRule } from "../../aggregator/alerts/rule_schema.ts";
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

const RULE = parseRule({ name: "ParserGrew", measure: "share", function: "parse_json", threshold: 0.3 });
const ALERT: Alert = {
  rule: RULE.name,
  group: "[]",
  state: "firing",
  changed: true,
  labels: { alertname: RULE.name, severity: "warning" },
  annotations: { value: "40 %" },
  url: "http://aggregator.test/",
  ...{ startedMs: 1_764_000_000_000, firedMs: 1_764_000_060_000, seenMs: 1_764_000_090_000, clearedMs: 0 },
  ...{ value: 0.4, samples: 1000 },
};

/** Alerts of one rule, which forget what they are told; the tests of alerts have storage. */
export const TEST_ALERTS: AlertsApi = {
  rules: () => Promise.resolve([{ rule: RULE, source: "file" }]),
  rule: () => Promise.resolve({ rule: RULE, source: "api" }),
  state: () =>
    Promise.resolve({
      alerts: [ALERT],
      silences: [{ id: "1", labels: { severity: "info" }, comment: "", untilMs: 1_764_000_090_000 }],
    }),
  history: () => Promise.resolve([{ at: 1_764_000_060_000, alert: ALERT }]),
  create: () => Promise.resolve(),
  change: () => Promise.resolve(),
  remove: () => Promise.resolve(),
  silence: () => Promise.resolve(),
  evaluate: () => {
    const now = estimate(0.4, 0.1, 1000);
    const groups = [{ labels: {}, now, base: now, estimate: now, verdict: "over" as const }];
    return Promise.resolve({ groups, cut: 0, range: { from: 0, to: 300_000 } });
  },
};

/** Returns the handler's options, `options` before the fake ones. */
export function testOptions(options: Partial<HandlerOptions> = {}): HandlerOptions {
  return {
    queries: new FleetQueries(fleet()),
    health: () => HEALTHY,
    staged: () => ({ batches: [], staged: 0 }),
    alerts: TEST_ALERTS,
    debugFiles: {
      files: () => Promise.resolve([{ buildId: "c0ffee", rank: 3, source: "upload", ranges: 12 }]),
      take: () => Promise.reject(new Error("No debug file is taken here")),
    },
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
