import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { withLockSamples } from "../../profile/idle.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { totalOf } from "../../profile/model.ts";
import { anyRecording, demoFrame } from "../../tests/support/profiles.ts";
import { columnsOf } from "./fit.js";
import { lockSites, lockTable } from "./lock_table.ts";

function contended() {
  const builder = new ProfileBuilder();
  const series = builder.series({ pid: 1, comm: "demo" });
  const stack = (...names: string[]) => builder.stack(names.map((name) => builder.frame(demoFrame(name))));
  const wait = {
    series,
    stack: stack("__lll_lock_wait", "pthread_mutex_lock", "take", "main"),
    type: "futex",
  };
  const holder = (...names: string[]) => ({ series, stack: stack(...names, "main") });
  const mutex = { ...wait, class: "mutex", outcome: "woken", histogram: [] } as const;
  builder.addLock({
    ...mutex,
    holder: holder("pthread_mutex_unlock", "slow"),
    count: 9,
    delay: 9e9,
    max: 2e9,
  });
  builder.addLock({ ...mutex, holder: holder("futex_wake", "quick"), count: 40, delay: 1e9, max: 1e8 });
  builder.addLock({ ...mutex, outcome: "timeout", holder: undefined, count: 3, delay: 5e9, max: 2e9 });
  builder.addLock({ ...mutex, class: "condvar", holder: undefined, count: 1, delay: 60e9, max: 60e9 });
  return builder.build();
}

Deno.test("lockTable() shows who waited and for whom, without idle waits", () => {
  assertEquals(
    lockTable(contended()),
    "    delay      waits    longest    gave up  class       who waited ← for whom\n" +
      "   10.0 s         49     2.00 s          3  mutex       take       ← slow 90.0 %, quick 10.0 %\n",
  );
  assertEquals(lockTable(new ProfileBuilder().build()), "");
  assertEquals(lockTable(contended(), { idle: true }).includes("← not seen"), true);
});

Deno.test("lockSites() have the sums of the samples that are made of waits", () => {
  fc.assert(fc.property(anyRecording, fc.boolean(), (profile, idle) => {
    const sites = lockSites(profile, { idle, limit: Infinity });
    const sum = (of: "delay" | "waits") => sites.reduce((all, site) => all + site[of], 0);
    const { value, count } = totalOf(withLockSamples(profile, { idle }), "lock");
    assertEquals([sum("delay"), sum("waits")], [value, count]);
    for (const { delay, holders } of sites) {
      assertEquals(holders.reduce((all, holder) => all + holder.delay, 0), delay);
    }
  }));
});

Deno.test("lockTable() is as wide as it may be, whatever functions are called", () => {
  fc.assert(fc.property(anyRecording, fc.integer({ min: 90, max: 200 }), (profile, width) => {
    for (const line of lockTable(profile, { width, idle: true }).split("\n")) {
      assertEquals(columnsOf(line) <= width, true, line);
    }
  }));
});
