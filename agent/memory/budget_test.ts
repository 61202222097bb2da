// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { TempFolder } from "../../tests/support/programs.ts";
import { memoryLimit } from "../../common/memory_limit.ts";
import { divideMemory } from "./budget.ts";

Deno.test("divideMemory() gives no more than there is, but a heap that an agent can live with", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 128 << 20, max: 2 ** 31 }),
      fc.integer({ min: 2 ** 26 }),
      (bytes, limit) => {
        const budget = divideMemory(bytes, limit);
        assert(budget.bytes <= bytes && budget.bytes <= limit);
        assert(budget.symbolBytes + budget.debugBytes <= 0.65 * budget.bytes);
        assert(budget.heapBytes >= 256 << 20);
      },
    ),
  );
});

Deno.test("memoryLimit() is the least of all groups above, and of both versions", () => {
  using folder = new TempFolder();
  const options = { procRoot: `${folder.path}/proc`, cgroupRoot: `${folder.path}/cgroup` };
  assertEquals(memoryLimit(options), Infinity);
  folder.write("proc/self/cgroup", "1:cpu:/x\n0::/kubepods/pod1/c\n");
  folder.write("cgroup/kubepods/pod1/c/memory.max", "max\n");
  folder.write("cgroup/kubepods/pod1/memory.max", "300000000\n");
  folder.write("cgroup/kubepods/memory.max", "900000000\n");
  assertEquals(memoryLimit(options), 300_000_000);
  folder.write("proc/self/cgroup", "0::/\n");
  folder.write("cgroup/memory.max", "200000000\n");
  assertEquals(memoryLimit(options), 200_000_000);
  folder.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  assertEquals(memoryLimit(options), 200_000_000);
  folder.write("cgroup/memory/memory.limit_in_bytes", "100000000\n");
  assertEquals(memoryLimit(options), 100_000_000);
});
