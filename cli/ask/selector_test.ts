// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { formatMatchers, parseMatchers } from "../../aggregator/query/matchers.ts";
import { UsageError } from "../../common/settings.ts";
import { conditionOf, selectorOf } from "./selector.ts";

Deno.test("selectorOf() reads the short form and the field's form, mixed", () => {
  assertEquals(selectorOf([]), "");
  assertEquals(selectorOf(["service=shop", "node!=db-1"]), '{service="shop", node!="db-1"}');
  assertEquals(
    selectorOf(["service=shop,node!=db-1 pod=~cart-.*"]),
    '{service="shop", node!="db-1", pod=~"cart-.*"}',
  );
  assertEquals(selectorOf(['{service="shop",}', "node==a"]), '{service="shop", node="a"}');
  assertEquals(selectorOf(["{}", 'pod=""']), '{pod=""}');
  assertEquals(selectorOf(["comm='a, b'"]), '{comm="a, b"}');
  assertEquals(selectorOf(["label_app=web"]), '{label_app="web"}');
});

Deno.test("selectorOf() knows threads by their names", () => {
  assertEquals(selectorOf(["thread=worker process!~a|b"]), '{comm="worker", process!~"a|b"}');
});

for (const text of ["service", "service~shop", "=shop", "service=", "{service=", "servce=shop", "a b=c"]) {
  Deno.test(`selectorOf() refuses ${text}`, () => {
    assertThrows(() => selectorOf([text]), UsageError);
  });
}

/** Text with what escapes are made of: quotes, backslashes, newlines. */
const text = fc.string({ maxLength: 20, unit: fc.constantFrom(..."ab\\\"'\nn,{} =", "é", "𝛼") });

Deno.test("selectorOf() writes what the aggregator reads as the same conditions", () => {
  const condition = fc.record({
    label: fc.constantFrom("node", "pod", "label_app"),
    operator: fc.constantFrom("=", "!="),
    value: text,
  });
  fc.assert(fc.property(fc.array(condition, { maxLength: 5 }), (conditions) => {
    const args = conditions.map(({ label, operator, value }) => {
      return `${label}${operator}"${value.replaceAll(/[\\"]/g, "\\$&")}"`;
    });
    const read = parseMatchers(selectorOf(args));
    assertEquals(read, conditions as typeof read);
    assertEquals(parseMatchers(selectorOf([formatMatchers(read)])), read);
  }));
});

Deno.test("conditionOf() writes what selectorOf() reads as the same value", () => {
  fc.assert(fc.property(text, text, (node, pod) => {
    const read = parseMatchers(selectorOf([conditionOf("node", node), conditionOf("pod", pod)]));
    assertEquals(read.map(({ value }) => value), [node, pod]);
  }));
  assertEquals(conditionOf("service", "shop"), "service=shop");
});

Deno.test("selectorOf() leaves the backslashes of a pattern in it", () => {
  assertEquals(parseMatchers(selectorOf([String.raw`comm=~"worker\d+"`]))[0]!.value, String.raw`worker\d+`);
});
