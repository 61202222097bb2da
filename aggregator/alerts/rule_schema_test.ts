// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { isOwnMeasure, isProfileMeasure, MEASURES } from "./rule.ts";
import { formatDuration, formatRule, parseRule, RuleError } from "./rule_schema.ts";

const SHORTEST = { name: "Grew", measure: "cores", threshold: 1 };

Deno.test("parseRule() fills in defaults, and reads thresholds in their units", () => {
  const rule = parseRule(SHORTEST);
  assertEquals([rule.severity, rule.operator, rule.of, rule.enabled], ["warning", "gt", "total", true]);
  assertEquals([rule.window, rule.for, rule.keep, rule.lag], [300_000, 300_000, 0, 30_000]);
  assertEquals([rule.minSamples, rule.noise, rule.forEach, rule.groups], [100, 3, [], 50]);
  const threshold = (given: unknown) => parseRule({ ...SHORTEST, threshold: given }).threshold;
  assertEquals(["40%", "5ms", "2s", "1.5", "-10%", "250us"].map(threshold), [
    0.4,
    0.005,
    2,
    1.5,
    -0.1,
    0.00025,
  ]);
});

Deno.test("parseRule() says what is wrong, and in which field", () => {
  const cases: readonly (readonly [Record<string, unknown>, string, string | undefined])[] = [
    [
      { threshold: "a lot" },
      "Cannot parse 'threshold' as it is not a number, a share like 40% or a time like 5ms",
      "threshold",
    ],
    [{ measure: "costs" }, "Cannot parse 'measure' as it is not one of share, cores", "measure"],
    [{ treshold: 1 }, "Unknown field 'treshold'", "treshold"],
    [{ measure: undefined }, "Cannot parse 'measure'", "measure"],
    [{ measure: "share" }, "Missing a field: 'function' or 'module', whose share it is", "measure"],
    [{ call: "read" }, "Cannot take 'call' with the measure 'cores' as it is not about system calls", "call"],
    [{ measure: "p99", function: "f" }, "Cannot take 'function' with the measure 'p99'", "function"],
    [{ measure: "rate", class: "mutex" }, "Cannot take 'class'", "class"],
    [{ measure: "event_throughput", for_each: ["pod"] }, "each aggregator is a group already", "for_each"],
    [{ measure: "agents_silent", match: '{pod="a"}' }, "it knows nodes alone", "match"],
    [{ measure: "buffer_utilization", against: "day" }, "it has no baseline", "against"],
    [{ as: "difference" }, "Missing a field: 'against'", "as"],
    [{ match: "{pod" }, "Cannot take 'match': Cannot read the selector", "match"],
    [{ for_each: ["pod", "pod"] }, "a list of different labels", "for_each"],
    [{ for_each: ["color"] }, "Cannot parse 'for_each.0' as it is not one of node", "for_each"],
    [{ window: "5 minutes" }, "Cannot parse 'window' as it is not a duration", "window"],
    [{ window: "1s" }, "at least 10000 ms", "window"],
    [
      { labels: { severity: "none" } },
      "Cannot take the label 'severity' as alerts have it by themselves",
      "labels",
    ],
    [{ labels: { "a-b": "c" } }, "at most 32 names with texts", "labels"],
    [{ capture: { frequency: 5000, for: "1m" } }, "a number from 1 to 1000", "capture"],
    [
      { measure: "agents_silent", capture: { frequency: 99, for: "1m" } },
      "it is not about profiles",
      "capture",
    ],
  ];
  for (const [fields, message, field] of cases) {
    const error = assertThrows(() => parseRule({ ...SHORTEST, ...fields }), RuleError, message);
    assertEquals(error.field, field, message);
  }
  for (const value of [null, [], "rule", 7]) assertThrows(() => parseRule(value), RuleError, "not a map");
  assertThrows(() => parseRule({ name: "a", measure: "cores" }), RuleError, "Missing a field: 'threshold'");
});

Deno.test("parseRule() reads what formatRule() writes, and survives whatever it is given", () => {
  const text = fc.string({ minLength: 1, maxLength: 20 });
  const rules = fc.record({
    measure: fc.constantFrom(...MEASURES),
    operator: fc.constantFrom("gt", "lte", "eq"),
    threshold: fc.double({ noNaN: true, noDefaultInfinity: true }),
    function: text,
    window: fc.integer({ min: 10_000, max: 600_000 }),
    for: fc.integer({ min: 0, max: 86_400_000 }),
    against: fc.constantFrom(undefined, "previous", "day", "week"),
    noise: fc.double({ min: 0, max: 10, noNaN: true }),
    annotations: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), text, { maxKeys: 3 }),
  }).map(({ function: fn, window, for: held, against, ...rest }) => ({
    ...{ name: "Any", ...rest, window: `${window}ms`, for: `${held}ms` },
    ...(isProfileMeasure(rest.measure) && against && { against }),
    ...(["share", "cores", "delay"].includes(rest.measure) && { function: fn }),
    ...(!isOwnMeasure(rest.measure) && { match: '{node="a\\"b"}', for_each: ["node"] }),
  }));
  fc.assert(fc.property(rules, (value) => {
    const rule = parseRule(value);
    assertEquals(parseRule(JSON.parse(JSON.stringify(formatRule(rule)))), rule);
  }));
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...Object.keys(formatRule(parseRule(SHORTEST)))), fc.anything()),
      (value) => {
        try {
          parseRule(value);
        } catch (error) {
          if (!(error instanceof RuleError)) throw error;
        }
      },
    ),
  );
});

Deno.test("formatDuration() writes the largest unit that divides", () => {
  const cases = [[300_000, "5m"], [90_000, "90s"], [86_400_000, "1d"], [7_200_000, "2h"], [1500, "1500ms"], [
    0,
    "0ms",
  ]] as const;
  for (const [ms, text] of cases) assertEquals(formatDuration(ms), text);
});
