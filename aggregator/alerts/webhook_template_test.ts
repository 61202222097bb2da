// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Alert } from "./alert.ts";
import { DEFAULT_TEMPLATE, parseTemplate } from "./webhook_template.ts";

const ALERT: Alert = {
  ...{ rule: "Grew", group: "[]", state: "firing", changed: true, url: "http://a/", value: 0.4, samples: 10 },
  ...{ startedMs: 1000, firedMs: 2000, seenMs: 3000, clearedMs: 0 },
  labels: { alertname: "Grew", pod: "cart-1" },
  annotations: { summary: 'It "grew"', value: "40 %" },
};

Deno.test("a template is JSON in whose texts names stand for values", () => {
  const template = parseTemplate(
    '{"text": "{{status}}: {{ annotations.summary }}", "pod": ["{{labels.pod}}{{labels.none}}"]}',
  );
  assertEquals(JSON.parse(template.render(ALERT, "1")), { text: 'firing: It "grew"', pod: ["cart-1"] });
});

Deno.test("no value ends the text that it is in", () => {
  const template = parseTemplate('{"a": "{{annotations.summary}}", "b": 1}');
  fc.assert(fc.property(fc.string({ unit: "binary" }), (summary) => {
    assertEquals(JSON.parse(template.render({ ...ALERT, annotations: { summary } }, "1")), {
      a: summary,
      b: 1,
    });
  }));
});

Deno.test("parseTemplate() refuses names that there are not, and what is no JSON", () => {
  assertThrows(() => parseTemplate('{"a": "{{stauts}}"}'), Error, "'{{stauts}}' is not one of id, status");
  assertThrows(() => parseTemplate('{"a": "{{labels.a-b}}"}'), Error, "is not one of");
  assertThrows(() => parseTemplate('{"a": {{status}}}'), Error, "it is not JSON");
});

Deno.test("without a template all that is known is sent", () => {
  const { labels, annotations, ...rest } = JSON.parse(
    DEFAULT_TEMPLATE.render({ ...ALERT, state: "resolved" }, "7"),
  );
  assertEquals([labels, annotations], [ALERT.labels, ALERT.annotations]);
  assertEquals(rest, {
    ...{
      version: "1",
      id: "7",
      status: "resolved",
      rule: "Grew",
      url: "http://a/",
      value: "40 %",
      samples: "10",
    },
    ...{ starts_at: "1970-01-01T00:00:02.000Z", ends_at: "1970-01-01T00:00:03.000Z" },
  });
});
