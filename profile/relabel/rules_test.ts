// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parseRules, RelabelError } from "./rules.ts";

Deno.test("parseRules() reads a list, alone or under relabel_configs, with Prometheus' defaults", () => {
  const [rule] = parseRules("- source_labels: [a, b]\n  target_label: c\n");
  assertEquals({ ...rule!, pattern: undefined }, {
    action: "replace",
    sourceLabels: ["a", "b"],
    separator: ";",
    targetLabel: "c",
    regex: "(.*)",
    replacement: "$1",
    modulus: 0n,
    key: "",
    pattern: undefined,
  });
  assertEquals(parseRules("relabel_configs:\n  - {action: labeldrop, regex: 5}\n")[0]!.regex, "5");
  assertEquals([parseRules(""), parseRules("relabel_configs: []")], [[], []]);
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["{", /not YAML/],
  ["a: 1", /no list/],
  ["[1]", /rule 1/],
  ["[{action: explode}]", /'action' is not one of replace, keep,.*current value is "explode"/],
  ["[{action: replace}]", /'replace' needs 'target_label'/],
  ["[{target_label: a}, {target_label: 'a b'}]", /rule 2 as "a b" is not the name of a label/],
  ["[{action: keep, regex: '(a'}]", /'regex' is no RE2 pattern: .*missing closing/],
  ["[{action: keep, regex: 'a)|(b'}]", /'regex' is no RE2 pattern/],
  ["[{action: keep, regex: '(?<=a)b'}]", /'regex' is no RE2 pattern/],
  ["[{action: keep, regex: 'x{1000}{1000}'}]", /'regex' is no RE2 pattern/],
  ["[{action: keep, regexp: a}]", /there is no field 'regexp'/],
  ["[{action: hashmod, target_label: a}]", /'hashmod' needs 'modulus'/],
  ["[{action: hashmod, target_label: a, modulus: 0}]", /'modulus' is not a whole number above 0/],
  ["[{action: hashmod, target_label: a, modulus: 1.5}]", /'modulus' is not a whole number above 0/],
  ["[{action: lowercase, source_labels: [a]}]", /'lowercase' needs 'target_label'/],
  ["[{action: lowercase, target_label: '$1'}]", /is not the name of a label/],
  ["[{action: labeldrop, source_labels: [a]}]", /'labeldrop' takes no 'source_labels'/],
  ["[{action: labelkeep, replacement: x}]", /'labelkeep' takes no 'replacement'/],
  ["[{action: labelmap, replacement: 'a-$1'}]", /is not the name of a label/],
  ["[{action: keepequal, source_labels: [a], target_label: b, regex: x}]", /'keepequal' takes no 'regex'/],
  ["[{action: keep, key: x}]", /'keep' takes no 'key'/],
  ["[{action: keep, source_labels: ['a-b']}]", /'source_labels.0' is not the name of a label/],
];

Deno.test("parseRules() says which rule cannot be used, and why", () => {
  for (const [yaml, message] of REFUSED) {
    assertMatch(assertThrows(() => parseRules(yaml), RelabelError, undefined, yaml).message, message);
  }
});

Deno.test("parseRules() of any text gives rules or a RelabelError", () => {
  const yaml = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(fc.dictionary(fc.constantFrom("action", "regex", "modulus", "target_label"), fc.anything())).map(
      (v) => {
        try {
          return JSON.stringify(v) ?? "";
        } catch {
          return "";
        }
      },
    ),
  );
  fc.assert(fc.property(yaml, (text) => {
    try {
      parseRules(text);
    } catch (error) {
      if (!(error instanceof RelabelError)) throw error;
    }
  }));
});
