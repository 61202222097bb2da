// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import { KINDS } from "../../profile/model.ts";
import { testWith } from "../../tests/support/needs.ts";
import { build } from "../../tasks/build.ts";
import { cpuMapSize, mostCpuBytes } from "./cpu_map_size.ts";
import { lockMapSize } from "./lock_map_size.ts";
import { openCollectors, shareMemory } from "./open.ts";
import { syscallMapSize } from "./syscall_map_size.ts";

Deno.test("shareMemory() gives one kind all, and three what each needs, and no more than all", () => {
  assertEquals(shareMemory(["lock"], 1000, { cpus: 2 }), { lock: 1000 });
  // What the unwinder leaves of the default.
  const memoryBytes = 48 * 2 ** 20;
  for (const cpus of [1, 2, 64, 128]) {
    const { cpu = 0, lock = 0, syscall = 0 } = shareMemory(KINDS, memoryBytes, { cpus });
    const sum = cpu + lock + syscall;
    assert(sum <= memoryBytes && sum > memoryBytes - 3, `${sum}`);
    // None is refused: what it throws fails the test.
    cpuMapSize({ cpus, freq: 99, windowMs: 4000, memoryBytes: cpu });
    lockMapSize({ cpus, memoryBytes: lock });
    syscallMapSize({ cpus, memoryBytes: syscall });
  }
  assertThrows(() => shareMemory(KINDS, memoryBytes, { cpus: 512 }), RangeError, "the smallest need");
});

Deno.test("shareMemory() gives system calls what CPU samples have no use for", () => {
  const memoryBytes = 32 * 2 ** 20;
  const before = shareMemory(KINDS, memoryBytes, { cpus: 2 });
  const sampling = { cpus: 2, freq: 99, windowMs: 4000 };
  const cpuBytes = mostCpuBytes(sampling);
  const after = shareMemory(KINDS, memoryBytes, { cpus: 2, cpuBytes });
  assert(cpuBytes < before.cpu!);
  assertEquals(after, { ...before, cpu: cpuBytes, syscall: before.syscall! + before.cpu! - cpuBytes });
  // Its maps are as large as with all of the memory.
  assertEquals(cpuMapSize({ ...sampling, memoryBytes: cpuBytes }), cpuMapSize({ ...sampling, memoryBytes }));
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
