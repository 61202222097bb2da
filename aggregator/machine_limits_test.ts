// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { TempFolder } from "../tests/support/programs.ts";
import { LEAST_LIMITS, machineLimits, readLimits } from "./machine_limits.ts";

const GIB = 2 ** 30;

Deno.test("readLimits() has the memory that is the machine's, or the least that a cgroup above allows", () => {
  using folder = new TempFolder();
  const write = (path: string, text: string) => {
    const whole = `${folder.path}${path}`;
    Deno.mkdirSync(whole.slice(0, whole.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(whole, text);
  };
  assertEquals(readLimits(folder.path), LEAST_LIMITS);
  write(
    "/proc/self/limits",
    "Max processes  1 2 processes\nMax open files            4096     524288     files\n",
  );
  assertEquals(readLimits(folder.path).descriptors, 4096);
  write("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n");
  assertEquals(readLimits(folder.path).memoryBytes, 16 * GIB);
  write("/proc/self/cgroup", "0::/pods/one/main\n");
  write("/sys/fs/cgroup/pods/one/main/memory.max", "max\n");
  assertEquals(readLimits(folder.path).memoryBytes, 16 * GIB);
  write("/sys/fs/cgroup/pods/one/memory.max", `${3 * GIB}\n`);
  assertEquals(readLimits(folder.path).memoryBytes, 3 * GIB);
  write("/sys/fs/cgroup/memory.max", `${2 * GIB}\n`);
  assertEquals(readLimits(folder.path).memoryBytes, 2 * GIB);
  write("/proc/self/cgroup", "0::/\n");
  assertEquals(readLimits(folder.path).memoryBytes, 2 * GIB);
});

Deno.test("machineLimits() says what a process of its own reads", async () => {
  assertEquals(await machineLimits(), readLimits());
});
