// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { relabel } from "./relabel.ts";
import { ACTIONS, parseRules, type Rule } from "./rules.ts";

/** Applies `rules`; `null` where they drop. */
function apply(labels: Record<string, string>, rules: readonly object[]): Record<string, string> | null {
  const made = relabel(new Map(Object.entries(labels)), parseRules(JSON.stringify(rules)));
  return made ? Object.fromEntries(made.labels) : null;
}

const ABC = { a: "foo", b: "bar", c: "baz" };

/** Says what Prometheus documents: rules, labels before, labels after. */
const DOCUMENTED:
  readonly (readonly [string, readonly object[], Record<string, string>, Record<string, string> | null])[] = [
    [
      "replace by a group",
      [{ source_labels: ["a"], regex: "f(.*)", target_label: "d", replacement: "ch${1}-ch${1}" }],
      ABC,
      {
        ...ABC,
        d: "choo-choo",
      },
    ],
    ["source labels are joined by the separator", [{ source_labels: ["a", "b"], target_label: "d" }], ABC, {
      ...ABC,
      d: "foo;bar",
    }],
    ["another separator", [{ source_labels: ["a", "b"], separator: "-", target_label: "d" }], ABC, {
      ...ABC,
      d: "foo-bar",
    }],
    [
      "a regex is anchored",
      [{ source_labels: ["a"], regex: "o", target_label: "d", replacement: "x" }],
      ABC,
      ABC,
    ],
    [
      "no match leaves the target",
      [{ source_labels: ["a"], regex: "nope", target_label: "b", replacement: "x" }],
      ABC,
      ABC,
    ],
    [
      "an empty replacement removes the target",
      [{ source_labels: ["a"], target_label: "b", replacement: "" }],
      ABC,
      {
        a: "foo",
        c: "baz",
      },
    ],
    ["without sources the empty text matches", [{ target_label: "d", replacement: "static" }], ABC, {
      ...ABC,
      d: "static",
    }],
    ["a missing label is empty", [{ source_labels: ["none", "a"], target_label: "d" }], ABC, {
      ...ABC,
      d: ";foo",
    }],
    [
      "the target may have groups",
      [{ source_labels: ["a"], regex: "(f)(.*)", target_label: "${1}_x", replacement: "$2" }],
      ABC,
      {
        ...ABC,
        f_x: "oo",
      },
    ],
    [
      "a target that is no name is left out",
      [{ source_labels: ["a"], regex: "(.*)", target_label: "$2", replacement: "x" }],
      ABC,
      ABC,
    ],
    ["$1x is the group named 1x", [{ source_labels: ["a"], target_label: "d", replacement: "<$1x>" }], ABC, {
      ...ABC,
      d: "<>",
    }],
    ["$$ is a dollar", [{ source_labels: ["a"], target_label: "d", replacement: "$$1" }], ABC, {
      ...ABC,
      d: "$1",
    }],
    [
      "named groups",
      [{ source_labels: ["a"], regex: "(?P<first>.).*", target_label: "d", replacement: "$first" }],
      ABC,
      {
        ...ABC,
        d: "f",
      },
    ],
    [
      ". matches a line break",
      [{ source_labels: ["a"], regex: "x.y", target_label: "d", replacement: "z" }],
      { a: "x\ny" },
      {
        a: "x\ny",
        d: "z",
      },
    ],
    ["keep", [{ source_labels: ["a"], regex: "foo|bar", action: "keep" }], ABC, ABC],
    ["keep drops others", [{ source_labels: ["a"], regex: "bar", action: "keep" }], ABC, null],
    ["drop", [{ source_labels: ["a"], regex: ".*o.*", action: "drop" }], ABC, null],
    ["drop keeps others", [{ source_labels: ["a"], regex: "f", action: "drop" }], ABC, ABC],
    ["drop of several", [{ source_labels: ["a", "b"], regex: "foo;bar", action: "drop" }], ABC, null],
    ["an action is in any case", [{ source_labels: ["a"], regex: "foo", action: "DROP" }], ABC, null],
    ["keepequal", [{ source_labels: ["a"], target_label: "b", action: "keepequal" }], { a: "x", b: "x" }, {
      a: "x",
      b: "x",
    }],
    ["keepequal drops others", [{ source_labels: ["a"], target_label: "b", action: "keepequal" }], ABC, null],
    [
      "dropequal",
      [{ source_labels: ["a"], target_label: "b", action: "dropequal" }],
      { a: "x", b: "x" },
      null,
    ],
    ["dropequal keeps others", [{ source_labels: ["a"], target_label: "b", action: "dropequal" }], ABC, ABC],
    ["labelmap", [{ regex: "(b.*)", replacement: "bar_${1}", action: "labelmap" }], {
      a: "foo",
      b1: "bar",
      b2: "baz",
    }, {
      a: "foo",
      b1: "bar",
      b2: "baz",
      bar_b1: "bar",
      bar_b2: "baz",
    }],
    ["labelmap takes off a prefix", [{ regex: "__meta_(my.*)", action: "labelmap" }], {
      __meta_my_baz: "aaa",
      a: "foo",
    }, {
      __meta_my_baz: "aaa",
      a: "foo",
      my_baz: "aaa",
    }],
    ["labeldrop", [{ regex: "b.*", action: "labeldrop" }], { a: "foo", b1: "bar", b2: "baz" }, { a: "foo" }],
    ["labeldrop is anchored", [{ regex: "b", action: "labeldrop" }], { a: "foo", b1: "bar" }, {
      a: "foo",
      b1: "bar",
    }],
    ["labelkeep", [{ regex: "a|b1", action: "labelkeep" }], { a: "foo", b1: "bar", b2: "baz" }, {
      a: "foo",
      b1: "bar",
    }],
    ["lowercase", [{ source_labels: ["a"], target_label: "d", action: "lowercase" }], { a: "FoO" }, {
      a: "FoO",
      d: "foo",
    }],
    ["uppercase", [{ source_labels: ["a"], target_label: "a", action: "uppercase" }], { a: "FoO" }, {
      a: "FOO",
    }],
    [
      "rules go on with what those before them made",
      [
        { source_labels: ["a"], target_label: "__tmp" },
        { source_labels: ["__tmp"], regex: "foo", action: "drop" },
      ],
      ABC,
      null,
    ],
  ];

Deno.test("relabel() does what Prometheus documents of each action", () => {
  for (const [what, rules, before, after] of DOCUMENTED) assertEquals(apply(before, rules), after, what);
});

Deno.test("relabel() of hashmod gives Prometheus' own numbers", () => {
  // These are of Prometheus' own test of the action: md5's last eight bytes.
  const hash = (value: string, modulus: number) =>
    apply({ c: value }, [{ source_labels: ["c"], target_label: "d", action: "hashmod", modulus }])!["d"];
  assertEquals(hash("baz", 1000), "976");
  assertEquals(hash("foo\nbar", 1000), "734");
});

const name = fc.constantFrom("a", "b", "ab", "__x", "label_app");
const labelsArbitrary = fc.dictionary(name, fc.string({ maxLength: 12 }));
const rulesArbitrary = fc.array(
  fc.record({
    action: fc.constantFrom(...ACTIONS),
    sourceLabels: fc.array(name, { maxLength: 3 }),
    targetLabel: name,
    regex: fc.constantFrom("(.*)", "a.*", "(a)(b)?", "[^x]+", ".+", ""),
    replacement: fc.constantFrom("$1", "${2}x", "$$", "", "const", "$"),
  }),
  { maxLength: 6 },
).map((rules) =>
  rules.map(({ regex, ...rule }): Rule => ({
    ...rule,
    separator: ";",
    regex,
    pattern: parseRules(JSON.stringify([{ action: "keep", regex }]))[0]!.pattern,
    modulus: 8n,
    key: "",
  }))
);

Deno.test("relabel() never makes an empty label or changes what it was given, and is one rule after the other", () => {
  fc.assert(
    fc.property(labelsArbitrary, rulesArbitrary, (record, rules) => {
      const labels = new Map(Object.entries(record));
      const made = relabel(labels, rules);
      assertEquals(labels, new Map(Object.entries(record)));
      let step: ReturnType<typeof relabel> = relabel(labels, []);
      for (const rule of rules) step = step && relabel(step.labels, [rule]);
      assertEquals(made?.labels, step?.labels);
      for (const [name, value] of made?.labels ?? []) {
        assertEquals([name === "", value === ""], [false, false]);
      }
    }),
  );
});

Deno.test("relabel() takes time in proportion to the text, whatever the pattern", () => {
  // By backtracking this is 2^64 steps: it would not end.
  const labels = { a: `${"a".repeat(64)}!` };
  assertEquals(apply(labels, [{ source_labels: ["a"], regex: "(a+)+b", action: "drop" }]), labels);
});
