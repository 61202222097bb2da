// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { withLockSamples } from "../../profile/idle.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { totalOf } from "../../profile/model.ts";
import { anyRecording, demoFrame } from "../../tests/support/profiles.ts";
import { columnsOf } from "./fit.js";
import { lockSites } from "../../profile/lock_sites.ts";
import { lockTable } from "./lock_table.ts";

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
    lockTable(contended(), { width: 90 }),
    " delay  waits  p50  p99  longest  class  process  who waited ← for whom\n" +
      "10.0 s     49             2.00 s  mutex  [demo]   take       ← slow 90.0 %, quick 10.0 %\n" +
      "10.0 s     49             2.00 s                  total\n" +
      "idle hidden: 1.00 min of 1 waits\n",
  );
  assertEquals(lockTable(new ProfileBuilder().build()), "");
  assertEquals(lockTable(contended(), { idle: true }).includes("← not seen"), true);
});

Deno.test("lockSites() have the sums of the samples that are made of waits", () => {
  fc.assert(fc.property(anyRecording, fc.boolean(), (profile, idle) => {
    const sites = lockSites(profile).filter((site) => idle || !site.idle);
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

Deno.test("lockTable() tells wakers from holders, threads without a stack, and what is open", () => {
  const builder = new ProfileBuilder();
  const series = builder.series({ pid: 1, comm: "worker", exe: "/usr/bin/demo" });
  const stack = (...names: string[]) => builder.stack(names.map((name) => builder.frame(demoFrame(name))));
  const wait = { type: "futex", series, stack: stack("pthread_cond_wait", "take"), max: 4e9, histogram: [] };
  const waker = { series, stack: stack("pthread_cond_signal", "put") };
  const thread = { series, stack: stack() };
  builder.addLock({ ...wait, class: "condvar", outcome: "woken", holder: waker, count: 1, delay: 1e9 });
  builder.addLock({ ...wait, class: "mutex", outcome: "open", holder: thread, count: 2, delay: 3e9 });
  const lines = lockTable(builder.build(), { idle: true, width: Infinity }).trimEnd().split("\n");
  const names = lines.map((line) => line.replace(/^.*?(?=process|demo|total)/, "").replaceAll(/ +/g, " "));
  assertEquals(names, [
    "process who waited ← for whom",
    "demo take ← thread worker",
    "demo take ← woken by put",
    "total",
  ]);
  assertEquals(lines[1]!.includes("3.00 s      0"), true, lines[1]);
});

Deno.test("lockTable() has a row for each lock of a function, named by where it is", () => {
  const builder = new ProfileBuilder();
  const series = builder.series({ pid: 1, comm: "demo" });
  const stack = builder.stack([builder.frame(demoFrame("take"))]);
  const wait = { type: "futex", series, stack, class: "mutex", outcome: "woken", histogram: [] } as const;
  for (
    const [address, delay] of [["orders in shopd", 3e9], ["heap", 1e9], ["orders in shopd", 1e9]] as const
  ) {
    builder.addLock({ ...wait, holder: undefined, address, count: 1, delay, max: delay });
  }
  const lines = lockTable(builder.build(), { width: Infinity }).split("\n");
  const columns = ["lock", "process"].map((head) => lines[0]!.indexOf(head));
  const locks = lines.slice(1, 3).map((line) => [line.split("  ")[0], line.slice(...columns).trim()]);
  assertEquals(locks, [["4.00 s", "orders in shopd"], ["1.00 s", "heap"]]);
});

Deno.test("lockTable() is whole in a pipe", () => {
  const builder = new ProfileBuilder();
  const name = "a_function_with_a_name_".repeat(20);
  const series = builder.series({ pid: 1, comm: "demo", process: name });
  const stack = builder.stack([builder.frame(demoFrame(name))]);
  const address = `${name} in demo`;
  const wait = { type: "futex", series, stack, class: "mutex", address, outcome: "woken" } as const;
  builder.addLock({ ...wait, holder: { series, stack }, count: 1, delay: 5, max: 5, histogram: [0, 0, 1] });
  const [, line] = lockTable(builder.build(), { width: Infinity }).split("\n");
  assertEquals(line!.split(name).length, 5);
});
