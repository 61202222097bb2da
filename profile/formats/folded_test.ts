// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { anyProfile, demoFrame, demoProfile } from "../../tests/support/profiles.ts";
import { ProfileBuilder } from "../builder.ts";
import { withLockSamples } from "../idle.ts";
import { KINDS, totalOf } from "../model.ts";
import { foldedStacks } from "./folded.ts";

Deno.test("foldedStacks() writes a line a stack, root first", () => {
  assertEquals(
    foldedStacks(demoProfile(), { kind: "cpu", value: "count" }),
    "[idle];idle;main;read;ksys_read 3\ndemo;demo;main;cold 9\ndemo;demo;main;hot 18\n",
  );
  assertEquals(
    foldedStacks(withLockSamples(demoProfile()), { kind: "lock" }),
    "demo;demo;main;read 7000000000\n",
  );
});

Deno.test("foldedStacks() sums lines that agree, and replaces what would break them", () => {
  const builder = new ProfileBuilder();
  for (const [pid, address] of [[1, 2], [3, 4]] as const) {
    const stack = builder.stack([builder.frame(demoFrame("a;b\nc", { address }))]);
    builder.add("cpu", builder.series({ pid }), stack, 10, 1);
  }
  assertEquals(foldedStacks(builder.build(), { kind: "cpu" }), "[unknown];a:b c 20\n");
});

Deno.test("foldedStacks() keeps totals, and any name within its line", () => {
  fc.assert(fc.property(anyProfile, fc.constantFrom(...KINDS), (profile, kind) => {
    const lines = foldedStacks(profile, { kind }).split("\n").slice(0, -1);
    assert(lines.every((line) => /^[^;]+(;[^;]+)* \d+$/.test(line)));
    const sum = lines.reduce((s, line) => s + Number(line.slice(line.lastIndexOf(" "))), 0);
    assertEquals(sum, totalOf(profile, kind).value);
  }));
});
