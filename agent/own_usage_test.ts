// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertGreater } from "@std/assert";
import { TempFolder } from "../tests/support/programs.ts";
import { OwnUsage } from "./own_usage.ts";

/** Writes what /proc says of a process: its ticks in user space and in the kernel, and its memory. */
function write(
  root: string,
  pid: number,
  { user, system, kib }: { user: number; system: number; kib: number },
) {
  Deno.mkdirSync(`${root}/${pid}`, { recursive: true });
  const before = Array.from({ length: 11 }, (_, i) => i).join(" ");
  Deno.writeTextFileSync(`${root}/${pid}/stat`, `${pid} (a) b ) ${before} ${user} ${system} 900 900 20 0\n`);
  Deno.writeTextFileSync(`${root}/${pid}/status`, `RssAnon:\t${kib} kB\nRssFile:\t8 kB\nRssShmem:\t0 kB\n`);
}

Deno.test("OwnUsage is what the agent and its reader took since the last time, whichever reader it is", () => {
  using folder = new TempFolder();
  const { path: procRoot } = folder;
  write(procRoot, 1, { user: 100, system: 50, kib: 1000 });
  let reader: number | undefined;
  const usage = new OwnUsage({ reader: () => reader, pid: 1, procRoot });
  assertEquals(usage.next(), { cpuNs: 0, memoryBytes: 1008 * 1024 });
  write(procRoot, 1, { user: 103, system: 51, kib: 1000 });
  write(procRoot, 2, { user: 7, system: 0, kib: 500 });
  reader = 2;
  assertEquals(usage.next(), { cpuNs: 110_000_000, memoryBytes: 1508 * 1024 });
  write(procRoot, 2, { user: 8, system: 1, kib: 500 });
  assertEquals(usage.next().cpuNs, 20_000_000);
  // It ended, and another one was started.
  Deno.removeSync(`${procRoot}/2`, { recursive: true });
  assertEquals(usage.next(), { cpuNs: 0, memoryBytes: 1008 * 1024 });
  write(procRoot, 3, { user: 2, system: 0, kib: 10 });
  reader = 3;
  assertEquals(usage.next().cpuNs, 20_000_000);
});

Deno.test("OwnUsage reads what this kernel says", () => {
  const usage = new OwnUsage({ reader: () => undefined });
  let { cpuNs, memoryBytes } = usage.next();
  // Until the kernel has counted a tick.
  for (let x = 0; cpuNs === 0; x++) if (x % 1e6 === 0) ({ cpuNs, memoryBytes } = usage.next());
  assertGreater(memoryBytes, 10e6);
});
