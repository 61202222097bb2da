// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { KINDS } from "../../profile/model.ts";
import { testWith } from "../../tests/support/needs.ts";
import { build } from "../../tasks/build.ts";
import { openCollectors, shareMemory } from "./open.ts";

Deno.test("shareMemory() gives one kind all, and three no more than all", () => {
  assertEquals(shareMemory(["lock"], 1000), { lock: 1000 });
  const shared = shareMemory(KINDS, 48 * 2 ** 20);
  assertEquals(shared, { cpu: 16 * 2 ** 20, lock: 8 * 2 ** 20, syscall: 24 * 2 ** 20 });
});

testWith(["bpf"], "openCollectors() opens three kinds within one budget", async () => {
  await build("bpf");
  const memoryBytes = 24 * 2 ** 20;
  using opened = openCollectors(KINDS, {
    freq: 99,
    memoryBytes,
    slowNs: 1e6,
    includeSelf: false,
  });
  const used = opened.collectors.map((collector) =>
    (collector as unknown as { memoryBytes: number }).memoryBytes
  );
  assertEquals(opened.collectors.map(({ kind }) => kind), [...KINDS]);
  assert(used.reduce((a, b) => a + b) <= memoryBytes, `${used}`);
});
