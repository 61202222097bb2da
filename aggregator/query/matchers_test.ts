// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { HOSTILE } from "../../tests/support/random_batches.ts";
import { LABELS } from "../../profile/labels.ts";
import {
  checkMatcher,
  formatMatchers,
  type Matcher,
  MatcherError,
  OPERATORS,
  parseMatchers,
} from "./matchers.ts";

const text = fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.constantFrom(...HOSTILE));
const matcher: fc.Arbitrary<Matcher> = fc.record({
  label: fc.constantFrom(...LABELS, "label_app", "label_app_kubernetes_io_name"),
  operator: fc.constantFrom(...OPERATORS),
  value: text,
}).filter((matcher) => {
  try {
    return checkMatcher(matcher) !== undefined;
  } catch {
    return false;
  }
});

Deno.test("parseMatchers() reads what formatMatchers() writes, with or without braces", () => {
  fc.assert(fc.property(fc.array(matcher, { maxLength: 32 }), (matchers) => {
    const written = formatMatchers(matchers);
    assertEquals(parseMatchers(written), matchers);
    assertEquals(parseMatchers(written.slice(1, -1)), matchers);
    assertEquals(parseMatchers(` ${written.replaceAll(/^\{|\}$/g, (brace) => ` ${brace}\n`)}`), matchers);
  }));
});

Deno.test("parseMatchers() reads the field's form", () => {
  assertEquals(parseMatchers(`{namespace="shop", pod=~"cart-.*",comm!='k"w',label_app!~"a|b",}`), [
    { label: "namespace", operator: "=", value: "shop" },
    { label: "pod", operator: "=~", value: "cart-.*" },
    { label: "comm", operator: "!=", value: 'k"w' },
    { label: "label_app", operator: "!~", value: "a|b" },
  ]);
  for (const none of ["", "{}", " { } "]) assertEquals(parseMatchers(none), []);
});

Deno.test("parseMatchers() refuses what is no selector, saying where", () => {
  const wrong: Record<string, string> = {
    "{": "character 2: no label's name",
    "}": "character 1: no label's name",
    '{node="a"': "character 10: no comma or end after a condition",
    '{node="a"} x': "character 12: text behind the end",
    '{node="a" comm="b"}': "character 11: no comma or end",
    '{job="a"}': "'job' is not one of node",
    '{label_="a"}': "'label_' is not one of",
    '{node=="a"}': "no text in quotes",
    "{node=a}": 'no text in quotes: current text is "a}"',
    '{node="a}': "text without its closing quote",
    '{node="\\d"}': "not an escape",
    '{node=~"a)|(b"}': "no RE2: unexpected ): `a)|(b`",
    '{node=~"(a"}': "no RE2: missing closing ): `(a`",
    '{node=~"[a"}': "no RE2: missing closing ]: `[a`",
    '{node!~"a\\\\"}': "no RE2: trailing backslash",
    '{node=~"\\\\Qa"}': "no RE2: missing closing ): `(?:\\Qa)`",
    '{node=~"*"}': "no RE2: missing argument to repetition operator: `*`",
    '{node=~"(?=a)"}': "no RE2: invalid or unsupported Perl syntax: `(?=`",
    '{,node="a"}': "no label's name",
  };
  for (const [selector, message] of Object.entries(wrong)) {
    assertThrows(() => parseMatchers(selector), MatcherError, message, selector);
  }
  assertThrows(() => parseMatchers(Array(33).fill('pid="1"').join()), MatcherError, "more than 32");
  assertThrows(() => parseMatchers(" ".repeat(20_000)), MatcherError, "it has 20000");
});

Deno.test("parseMatchers() takes patterns whose brackets mean themselves", () => {
  for (const pattern of ["[(]", "\\(", "[]()]", "[^])]", "\\Q(\\E", "(a|(b))", "[[:alpha:](]", "(?i)x"]) {
    assertEquals(checkMatcher({ label: "comm", operator: "=~", value: pattern }).value, pattern);
  }
});

Deno.test("parseMatchers() ends on any text with matchers or a MatcherError", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    ",",
    "=",
    "~",
    "!",
    '"',
    "'",
    "\\",
    "node",
    "label_x",
    " ",
    "(",
    "a",
  );
  const any = fc.oneof(fc.string({ unit: "binary" }), fc.array(piece).map((pieces) => pieces.join("")));
  fc.assert(
    fc.property(any, (selector) => {
      try {
        const matchers = parseMatchers(selector);
        assertEquals(parseMatchers(formatMatchers(matchers)), matchers);
      } catch (error) {
        if (!(error instanceof MatcherError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
