// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { formatRule, parseRule } from "../../alerts/rule_schema.ts";
import { queryOf, ruleName, ruleText, shareRule, urgency } from "./rule_text.ts";

const textOf = (rule: Record<string, unknown>) => ruleText(formatRule(parseRule({ name: "Grew", ...rule })));

Deno.test("a rule is said in words", () => {
  assertEquals(
    textOf({ measure: "share", function: "parse_json", threshold: 0.3, for_each: ["pod"] }),
    "share of parse_json > 30.0 % over 5m for each pod",
  );
  assertEquals(
    textOf({ measure: "p99", call: "fsync", threshold: "5ms", match: '{node="a"}' }),
    'p99 of fsync > 5.00 ms in {node="a"} over 5m',
  );
  assertEquals(
    textOf({ measure: "cores", threshold: 1.5, against: "day" }),
    "cores > 1.50 × a day ago over 5m",
  );
});

Deno.test("the rule of a function is one that the aggregator takes", () => {
  const rule = parseRule(
    shareRule({ name: "parse_json share", fn: "parse_json\t/bin/a", match: 'node="a"', percent: 12.5 }),
  );
  assertEquals([rule.function, rule.module, rule.threshold], ["parse_json", "/bin/a", 0.125]);
  assertEquals(rule.matchers.map(({ label, value }) => [label, value]), [["node", "a"]]);
});

Deno.test("the rule of any function has a name that the aggregator takes", () => {
  assertEquals(ruleName("node::Start(int, char**)\t/usr/bin/node"), "node::Start share");
  for (
    const fn of ["parse_json", "operator<< <char>", "(anonymous)", "<core::A as B>::c", "é".repeat(500), "_x"]
  ) {
    const name = ruleName(fn);
    assertEquals(parseRule(shareRule({ name, fn, match: "", percent: 1 })).name, name);
  }
});

Deno.test("the address of an alert leads nowhere else", () => {
  assertEquals(queryOf({ url: "http://aggregator.test/?view=cpu&match=a" }), "?view=cpu&match=a");
  assertEquals(queryOf({ url: "javascript:alert(1)" }), "");
  assertEquals(queryOf({ url: "" }), "");
});

Deno.test("what fires is before what is pending, and what is silenced is last", () => {
  const states = ["resolved", "firing", "pending", "ended"] as const;
  const alerts = states.flatMap((state) => [{ state, silenced: true }, { state, silenced: false }]);
  const sorted = alerts.toSorted((a, b) => urgency(b) - urgency(a));
  assertEquals(sorted.slice(0, 2).map(({ state }) => state), ["firing", "pending"]);
  assertEquals(sorted[4], { state: "firing", silenced: true });
});
