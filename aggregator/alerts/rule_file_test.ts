// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parseRuleFile } from "./rule_file.ts";

const GOOD = `# Rules
rules:
  - name: One
    measure: cores
    threshold: 1 # core
  - name: Two
    measure: p99
    call: read
    threshold: 5ms
    labels: { team: shop }
`;

function whyNot(text: string): string {
  return assertThrows(() => parseRuleFile(text, "rules.yml"), Error).message;
}

Deno.test("parseRuleFile() reads all rules, and a file without any", () => {
  assertEquals(parseRuleFile(GOOD, "rules.yml").map(({ name, threshold }) => [name, threshold]), [
    ["One", 1],
    ["Two", 0.005],
  ]);
  for (const text of ["", "# nothing\n", "rules: []\n", "rules:\n"]) {
    assertEquals(parseRuleFile(text, "a"), []);
  }
});

Deno.test("parseRuleFile() names the line that is wrong", () => {
  const cases = [
    [
      GOOD.replace("5ms", "slow"),
      /^Cannot read the rules of 'rules.yml' at line 9: rule 2: Cannot parse 'threshold'/,
    ],
    [GOOD.replace("    call: read", "    cal: read"), / at line 8: rule 2: Unknown field 'cal'/],
    [GOOD.replace("    measure: p99\n", ""), / at line 6: rule 2: Missing a field: 'measure'/],
    [GOOD.replace("Two", "One"), / at line 6: rule 2: Cannot have two rules of the name 'One'/],
    [GOOD.replace("rules:", "rule:"), / at line 2: Unknown field 'rule'/],
    [GOOD.replace("{ team: shop }", "{ team: shop"), / at line \d+: /],
    ["rules: 7\n", / at line 1: 'rules' is not a list/],
    ["- name: One\n", / at line 1: it is not a map with a list 'rules'/],
    ["rules: [{name: One}]\n", /: rule 1: Missing a field: 'measure'/],
    [`rules:\n${"  - {}\n".repeat(501)}`, /more than 500 rules: current number is 501/],
    [`# ${"a".repeat(1_000_000)}`, /more than 1000000 characters/],
  ] as const;
  for (const [text, message] of cases) {
    assertEquals(message.test(whyNot(text)), true, `${message}: ${whyNot(text)}`);
  }
});

Deno.test("parseRuleFile() answers or throws an error of one line for any text", () => {
  const lines = fc.constantFrom(
    ...GOOD.split("\n"),
    "  - &a",
    "    *a",
    "{",
    "]",
    "\t",
    "- ",
    "!!js",
    "? :",
    "...",
    "---",
  );
  const texts = fc.oneof(fc.string({ unit: "binary" }), fc.array(lines).map((all) => all.join("\n")));
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseRuleFile(text, "f");
      } catch (error) {
        assertEquals((error as Error).message.startsWith("Cannot read the rules of 'f'"), true);
        assertEquals((error as Error).message.includes("\n"), false);
      }
    }),
    { numRuns: 500 },
  );
});
