// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { anyProfile, demoProfile } from "../../tests/support/profiles.ts";
import { flameGraph } from "../flame.ts";
import { withLockSamples } from "../idle.ts";
import { KINDS } from "../model.ts";
import { samplesOf } from "../samples_of.ts";
import { nestedSet } from "./nested_set.ts";
import { speedscopeJson } from "./speedscope.ts";

Deno.test("speedscopeJson() has each kind as a profile, stacks from the root on", () => {
  const profile = withLockSamples(demoProfile());
  const file = JSON.parse(
    speedscopeJson([{ kind: "cpu", profile }, { kind: "lock", profile }], { name: "demo" }),
  );
  const { shared: { frames }, profiles: [cpu, lock] } = file;
  assertEquals([cpu.name, cpu.unit, cpu.endValue, lock.name, lock.endValue], [
    "cpu",
    "nanoseconds",
    300e6,
    "lock",
    7e9,
  ]);
  const names = cpu.samples.map((sample: number[]) => sample.map((i) => frames[i].name).join(" "));
  assert(names.includes("demo demo main hot"), names.join("\n"));
  assertEquals(frames.find(({ name }: { name: string }) => name === "hot"), {
    name: "hot",
    file: "demo.c",
    line: 7,
  });
});

Deno.test("speedscopeJson() refers to frames that it has, and its weights are the samples'", () => {
  fc.assert(fc.property(anyProfile, fc.constantFrom("value" as const, "count" as const), (profile, value) => {
    const kinds = KINDS.map((kind) => ({ kind, profile }));
    const file = JSON.parse(speedscopeJson(kinds, { name: "any", value }));
    for (const [i, { samples, weights, startValue, endValue }] of file.profiles.entries()) {
      assertEquals(samples.length, weights.length);
      assert(samples.flat().every((frame: number) => frame >= 0 && frame < file.shared.frames.length));
      const total = samplesOf(profile, KINDS[i]!)[value].reduce((sum, weight) => sum + weight, 0);
      assertEquals(endValue - startValue, total);
    }
  }));
});

Deno.test("nestedSet() has each box before those on it, and their sums", () => {
  fc.assert(fc.property(anyProfile, fc.integer({ min: 1, max: 50 }), (profile, maxNodes) => {
    const graph = flameGraph(profile, { kind: "cpu", maxNodes });
    const rows = nestedSet(graph);
    assertEquals(rows.length, graph.levels.reduce((sum, { start }) => sum + start.length, 0));
    assertEquals([rows[0]!.level, rows.filter(({ level }) => level === 0).length], [0, 1]);
    assertEquals(rows.reduce((sum, { self }) => sum + self, 0), graph.total);
    rows.forEach(({ level, value, self }, i) => {
      let inner = self;
      for (let at = i + 1; at < rows.length && rows[at]!.level > level; at++) {
        if (rows[at]!.level === level + 1) inner += rows[at]!.value;
      }
      assertEquals(inner, value);
      assert(i === 0 || level <= rows[i - 1]!.level + 1);
    });
  }));
});
