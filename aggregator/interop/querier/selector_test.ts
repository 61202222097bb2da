// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OPERATORS } from "../../query/matchers.ts";
import { ConnectError } from "../connect/error.ts";
import { readSelectors } from "./conditions.ts";
import { findType, PROFILE_TYPES } from "./profile_types.ts";
import { parseSelector } from "./selector.ts";

Deno.test("parseSelector() reads what Prometheus' own documentation has", () => {
  for (const text of ["", "{}", " { } "]) assertEquals(parseSelector(text), []);
  assertEquals(parseSelector(`{a="1", "b.c"!='2',d=~\`x\\d\`, __e__!~"",}`), [
    { name: "a", operator: "=", value: "1" },
    { name: "b.c", operator: "!=", value: "2" },
    { name: "d", operator: "=~", value: "x\\d" },
    { name: "__e__", operator: "!~", value: "" },
  ]);
  const escaped = String.raw`{a="\a\b\f\n\r\t\v\\\"\x41\u00e4\U0001F600\101"}`;
  assertEquals(parseSelector(escaped)[0]!.value, '\x07\b\f\n\r\t\v\\"AäüA'.replace("ü", "😀"));
});

Deno.test("parseSelector() says where a selector is wrong", () => {
  const cases: [string, RegExp][] = [
    ["a=1", /character 1: no '\{'/],
    ["{a", /character 3: no =, !=, =~, !~ after 'a'/],
    ["{a=1}", /character 4: no text in quotes/],
    [`{a="1`, /character 4: no text in quotes/],
    [`{a="1" b="2"}`, /character 8: no '\}'/],
    [`{a="1"}}`, /text behind the end/],
    [`{="1"}`, /character 2: no label's name/],
    [`{""="1"}`, /no label's name/],
    [String.raw`{a="\q"}`, /not an escape: \\q/],
    [String.raw`{a="\uD800"}`, /no character/],
    [`{${`a="",`.repeat(65)}}`, /more than 64 conditions/],
    [`{a="${"x".repeat(17_000)}"}`, /more than 16384 characters/],
  ];
  for (const [text, pattern] of cases) {
    const error = assertThrows(() => parseSelector(text), ConnectError);
    assertEquals([error.code, pattern.test(error.message)], ["invalid_argument", true], error.message);
  }
});

Deno.test("parseSelector() reads again what was written, and any text or refuses it", () => {
  const condition = fc.record({
    name: fc.string({ minLength: 1 }),
    operator: fc.constantFrom(...OPERATORS),
    value: fc.string({ unit: fc.constantFrom("a", "ä", "😀", "\\", '"', "'", "`", "\n", "\0", "}", ",") }),
  });
  const quote = (text: string) => `"${text.replaceAll(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;
  fc.assert(fc.property(fc.array(condition, { maxLength: 10 }), (conditions) => {
    const text = conditions.map(({ name, operator, value }) => `${quote(name)}${operator}${quote(value)}`);
    assertEquals(parseSelector(`{${text.join(",")}}`), conditions);
  }));
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."{}a=~!\"'`\\x,\n ") }), (text) => {
    try {
      parseSelector(text);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
    }
  }));
});

Deno.test("readSelectors() tells conditions on types from those on series", () => {
  const types = (...texts: string[]) => PROFILE_TYPES.filter(readSelectors(texts).takes).map(({ id }) => id);
  assertEquals(types("{}"), PROFILE_TYPES.map(({ id }) => id));
  assertEquals(types(`{__name__="mutex"}`, `{__type__!="delay"}`), [
    "mutex:contentions:count:contentions:count",
  ]);
  assertEquals(types(`{__profile_type__=~"process_cpu:.*"}`, `{__unit__!~"c.*"}`), [
    "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
  ]);
  // Patterns match all of a label.
  assertEquals(types(`{__name__=~"sys"}`), []);
  assertEquals(
    readSelectors([`{service_name="a",__service_name__=~"b",pod!="c",app="d","x.y"="e"}`]).matchers,
    [
      { label: "service_name", operator: "=", value: "a" },
      { label: "service_name", operator: "=~", value: "b" },
      { label: "pod", operator: "!=", value: "c" },
      { label: "own:app", operator: "=", value: "d" },
      { label: "own:x.y", operator: "=", value: "e" },
    ],
  );
  for (const pattern of ["(", "a)(b", "(?=x)", "\\\\8", "\\\\Qa"]) {
    const error = assertThrows(() => readSelectors([`{pod=~"${pattern}"}`]), ConnectError);
    assertEquals(error.code, "invalid_argument", pattern);
  }
});

Deno.test("findType() takes five parts, which may be empty, and passes over a sixth", () => {
  assertEquals(findType("block:delay:nanoseconds:contentions:count:delta")?.of, { kind: "lock" });
  assertEquals(findType("off_cpu:off_cpu:nanoseconds::")?.of, { kind: "off_cpu:off_cpu:nanoseconds::" });
  assertEquals(findType(":::::delta"), undefined);
  for (const id of ["", "cpu", "a:b:c:d", "a:b:c:d:e:f", "a:b:c:d:e:delta:x", "a:b:c:d:e{}"]) {
    assertThrows(() => findType(id), ConnectError, "NAME:TYPE");
  }
});
