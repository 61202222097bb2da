// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { estimate } from "./estimate.ts";
import { annotationsOf, formatValue, labelsOf, pageUrl } from "./message.ts";
import { parseRule } from "./rule_schema.ts";

const RULE = parseRule({
  name: "Parser grew",
  measure: "share",
  function: "parse_json",
  match: '{node="n1", service=~"shop.*"}',
  against: "day",
  threshold: 1.5,
  labels: { team: "shop" },
  annotations: { runbook: "https://runbooks.test" },
});

Deno.test("labels are what an alert is known by, and have no value that changes", () => {
  assertEquals(labelsOf(RULE, { pod: "cart-1", namespace: "" }), {
    ...{ alertname: "Parser grew", severity: "warning", team: "shop", pod: "cart-1" },
  });
});

Deno.test("annotations say what was measured, in its units, and beside what", () => {
  const [now, base] = [estimate(0.4, 0, 1000), estimate(0.1, 0, 1000)];
  const said = annotationsOf(RULE, { labels: {}, estimate: estimate(4, 0, 1000), now, base });
  assertEquals(said, {
    summary: "Parser grew: share of parse_json is 4 ×, > 1.5 ×",
    runbook: "https://runbooks.test",
    ...{ value: "4 ×", threshold: "> 1.5 ×", now: "40 %", before: "10 %" },
    ...{ against: "the same time a day ago", window: "5m", samples: "1000" },
  });
  const own = { ...RULE, annotations: { summary: "See the parser" } };
  assertEquals(annotationsOf(own, { labels: {}, estimate: base, now: base })["summary"], "See the parser");
});

Deno.test("formatValue() writes three digits and the unit", () => {
  const of = (measure: string, value: number, more = {}) =>
    formatValue(parseRule({ name: "a", measure, threshold: 1, ...more }), value);
  assertEquals(of("p99", 0.0051234), "5.12 ms");
  assertEquals(of("p99", 2), "2 s");
  assertEquals(of("cores", 1.23456), "1.23 cores");
  assertEquals(of("rate", 1200), "1200 a second");
  assertEquals(of("clickhouse_pending_rows", 123_456), "123456");
  assertEquals(of("cores", Infinity, { against: "day" }), "from none");
  assertEquals(of("cores", 0.5, { against: "day", as: "difference" }), "0.5 cores");
});

Deno.test("pageUrl() opens the page at the selection, its time and the function", () => {
  const base = new URL("https://profiles.test/aperture/");
  const range = { from: Date.parse("2026-01-31T12:00:00Z"), to: Date.parse("2026-01-31T12:05:00Z") };
  const url = new URL(pageUrl(RULE, { base, range, group: { pod: 'a"b' } }));
  assert(url.href.startsWith(base.href));
  assertEquals(Object.fromEntries(url.searchParams), {
    ...{ view: "compare", kind: "cpu", search: "parse_json" },
    ...{ from: "2026-01-31T12:00:00.000Z", to: "2026-01-31T12:05:00.000Z" },
    base: "2026-01-30T12:00:00.000Z/2026-01-30T12:05:00.000Z",
    match: 'node="n1", service=~"shop.*", pod="a\\"b"',
  });
  const calls = parseRule({ name: "a", measure: "p99", call: "read", threshold: 1 });
  const alone = new URL(pageUrl(calls, { base, range, group: {} })).searchParams;
  assertEquals([alone.get("view"), alone.get("search"), alone.get("base")], ["calls", "read", null]);
  const own = parseRule({ name: "a", measure: "event_throughput", threshold: 1 });
  assertEquals(pageUrl(own, { base, range, group: {} }), base.href);
});
