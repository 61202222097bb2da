// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { cpuMapBytes, cpuMapSize } from "./cpu_map_size.ts";

Deno.test("cpuMapSize() has room for every sample and more stacks where memory allows", () => {
  const { counts, stacks } = cpuMapSize({ cpus: 2, freq: 99, windowMs: 10_000, memoryBytes: 64 * 2 ** 20 });
  assert(counts >= 1980, `${counts} counts`);
  assert(stacks >= 1.5 * 1980, `${stacks} stacks`);
});

Deno.test("cpuMapSize() stays in its memory and keeps a stack for eight counts", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 1024 }),
    fc.integer({ min: 1, max: 10_000 }),
    fc.integer({ min: 1, max: 600_000 }),
    fc.integer({ min: 0, max: 2 ** 30 }),
    (cpus, freq, windowMs, extra) => {
      const memoryBytes = cpuMapBytes({ counts: 256, stacks: 256 }, cpus) + extra;
      const size = cpuMapSize({ cpus, freq, windowMs, memoryBytes });
      assert(cpuMapBytes(size, cpus) <= memoryBytes);
      assert(size.counts >= 256 && size.stacks >= 256);
      assert(size.stacks * 8 >= size.counts - 8);
    },
  ));
});

Deno.test("cpuMapSize() refuses memory that no profile fits into", () => {
  const error = assertThrows(
    () => cpuMapSize({ cpus: 1, freq: 99, windowMs: 1000, memoryBytes: 1000 }),
    RangeError,
  );
  assertEquals(
    error.message,
    `Cannot make BPF maps of 1000 bytes: the smallest need ${cpuMapBytes({ counts: 256, stacks: 256 }, 1)}`,
  );
});
