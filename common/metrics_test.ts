// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { Registry } from "prom-client";
import { MetricFactory } from "./metrics.ts";

async function valueOf(registry: Registry, name: string): Promise<number> {
  return (await registry.getSingleMetric(name)!.get()).values[0]!.value;
}

Deno.test("MetricFactory reads a part once a scrape, and shows what it counts as it is then", async () => {
  const registry = new Registry();
  const counts = { reads: 0, hits: 0, held: 0, lost: { full: 0, busy: 0 } };
  const read = () => {
    counts.reads++;
    return counts;
  };
  new MetricFactory(registry).readings(read, [
    ["test_hits_total", "Hits", ({ hits }) => hits],
    ["test_held_bytes", "Held", ({ held }) => held],
    ["test_lost_total", "Lost", ({ lost }) => lost, "reason"],
  ]);
  assertStringIncludes(
    await registry.metrics(),
    "# TYPE test_hits_total counter\ntest_hits_total 0\n\n# HELP test_held_bytes Held\n" +
      "# TYPE test_held_bytes gauge\ntest_held_bytes 0\n",
  );
  Object.assign(counts, { hits: 7, held: 5, lost: { full: 2, busy: 1 } });
  const lines = ["test_hits_total 7", "test_held_bytes 5"];
  const labelled = ['test_lost_total{reason="full"} 2', 'test_lost_total{reason="busy"} 1'];
  // The second time what is counted must not be added to what was.
  for (let scrape = 0; scrape < 2; scrape++) {
    const text = (await registry.metrics()).split("\n");
    for (const line of [...lines, ...labelled]) assert(text.includes(line), text.join("\n"));
  }
  assertEquals(counts.reads, 3);
});

Deno.test("MetricFactory fails a scrape when a part cannot be read, and not the next one", async () => {
  const registry = new Registry();
  let broken = true;
  new MetricFactory(registry).readings(() => {
    if (broken) throw new Error("Broken");
    return 3;
  }, [["test_now", "Now", (n) => n]]);
  const error = await registry.metrics().then(() => undefined, (error: Error) => error.message);
  assertEquals(error, "Broken");
  broken = false;
  assertStringIncludes(await registry.metrics(), "\ntest_now 3\n");
});

Deno.test("MetricFactory tells of the process what the system does", async () => {
  const registry = new Registry();
  const make = new MetricFactory(registry);
  make.process();
  make.openFiles();
  // The folder itself is open while it is read.
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length - 1;
  assertEquals(await valueOf(registry, "process_open_fds"), open());
  {
    const before = open();
    using _file = await Deno.open("/dev/null");
    assertEquals(await valueOf(registry, "process_open_fds"), before + 1);
  }
  const status = await Deno.readTextFile("/proc/self/status");
  const peak = Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)![1]) * 1024;
  const resident = await valueOf(registry, "process_resident_memory_bytes");
  assert(resident > peak / 10 && resident <= 1.1 * peak, `${resident} ${peak}`);
  const [, boot] = /^btime (\d+)$/m.exec(await Deno.readTextFile("/proc/stat"))!;
  const start = await valueOf(registry, "process_start_time_seconds");
  assert(start >= Number(boot) && start <= Date.now() / 1000);
  assertGreater(await valueOf(registry, "process_cpu_seconds_total"), 0);
});
