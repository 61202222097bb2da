// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { build } from "../../tasks/build.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run } from "../../tests/support/watched.ts";
import { until } from "../../tests/support/until.ts";
import { CpuCollector } from "../collectors/cpu.ts";
import { onlineCpus } from "../collectors/cpus.ts";

/** Stops the clocks that this process has, as the kernel does where a CPU goes offline. */
function stopClocks(): number {
  const ioctl = { parameters: ["i32", "u64", "u64"], result: "i32" } as const;
  const libc = Deno.dlopen("libc.so.6", { ioctl });
  const PERF_EVENT_IOC_DISABLE = 0x2401n;
  const events = [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`) === "anon_inode:[perf_event]";
    } catch {
      return false;
    }
  });
  const stop = (fd: number) => libc.symbols.ioctl(fd, PERF_EVENT_IOC_DISABLE, 0n) === 0;
  const stopped = events.filter(({ name }) => stop(Number(name)));
  libc.close();
  return stopped.length;
}

testWith(
  ["bpf", "clang"],
  "CpuCollector samples a CPU again that was offline between two drains",
  async () => {
    await build("bpf");
    const [first] = onlineCpus();
    await using busy = run("taskset", ["-c", String(first), "sh", "-c", "while :; do :; done"]);
    using collector = CpuCollector.open({ freq: 999, cpus: () => [first!] });
    const sees = async () => (await collector.drain()).samples.some(({ pid }) => pid === busy.pid);
    await until(sees);
    assertEquals(stopClocks(), 1);
    // What was counted before.
    await collector.drain();
    await delay(200);
    // It sees here that the clock has stopped.
    assert(!await sees());
    await until(sees);
  },
);
