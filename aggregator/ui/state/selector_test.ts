// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseMatchers } from "../../query/matchers.ts";
import { type Filter, formatFilters, OPERATORS, parseFilters, withFilter } from "./selector.ts";

const filters: fc.Arbitrary<Filter[]> = fc.array(
  fc.record({
    label: fc.constantFrom("node", "comm", "label_app"),
    operator: fc.constantFrom(...OPERATORS),
    value: fc.string({ maxLength: 12 }).map((text) => text.replaceAll(/[()[\]{}]/g, "")),
  }),
  { maxLength: 5 },
);

Deno.test("parseFilters() reads what formatFilters() writes, and so does the aggregator", () => {
  fc.assert(fc.property(filters, (filters) => {
    const text = formatFilters(filters);
    assertEquals(parseFilters(text), filters);
    if (filters.every(({ operator }) => !operator.endsWith("~"))) {
      assertEquals(parseMatchers(`{${text}}`) as readonly Filter[], filters);
    }
  }));
});

Deno.test("parseFilters() takes what people type", () => {
  assertEquals(parseFilters("{ node = web-1 , comm!='a b' }"), [
    { label: "node", operator: "=", value: "web-1" },
    { label: "comm", operator: "!=", value: "a b" },
  ]);
  assertEquals([parseFilters(""), parseFilters("node"), parseFilters('node="a')], [[], undefined, undefined]);
});

Deno.test("withFilter() adds a condition once", () => {
  const filter = { label: "node", operator: "=", value: "a" } as const;
  assertEquals(withFilter(withFilter('comm="x"', filter), filter), 'comm="x",node="a"');
});
