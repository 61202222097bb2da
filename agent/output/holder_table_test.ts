// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { holderSites } from "../../profile/holder_sites.ts";
import { lockSites } from "../../profile/lock_sites.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { anyRecording, demoFrame } from "../../tests/support/profiles.ts";
import { columnsOf } from "./fit.js";
import { holderTable } from "./holder_table.ts";

function convoy() {
  const builder = new ProfileBuilder();
  const series = builder.series({ pid: 1, comm: "worker", exe: "/usr/bin/shop" });
  const stack = (...names: string[]) => builder.stack(names.map((name) => builder.frame(demoFrame(name))));
  const wait = { series, stack: stack("pthread_mutex_lock", "take"), type: "futex", histogram: [] };
  const mutex = { ...wait, class: "mutex", outcome: "woken" } as const;
  const slow = { series, stack: stack("pthread_mutex_unlock", "flush_orders") };
  const quick = { series, stack: stack("pthread_mutex_unlock", "add_order") };
  builder.addLock({ ...mutex, holder: slow, count: 9, delay: 9e9, max: 2e9 });
  builder.addLock({ ...mutex, holder: quick, count: 40, delay: 1e9, max: 1e8 });
  builder.addLock({ ...mutex, outcome: "timeout", holder: quick, count: 1, delay: 7e9, max: 7e9 });
  builder.addLock({
    ...wait,
    class: "condvar",
    outcome: "woken",
    holder: slow,
    count: 1,
    delay: 5e9,
    max: 5e9,
  });
  // 20 ms nine times, in the bucket from 2^24 ns on.
  const histogram = [...Array(24).fill(0), 9];
  builder.addHold({ ...slow, class: "mutex", count: 9, total: 180e6, max: 21e6, histogram });
  return builder.build();
}

Deno.test("holderTable() shows who held locks, by how long others waited for it", () => {
  const lines = holderTable(convoy(), { width: Infinity }).trimEnd().split("\n");
  assertEquals(lines, [
    "delayed    held  times      p50      p90      p99  longest  class  process  who held",
    " 9.00 s  180 ms      9  21.0 ms  21.0 ms  21.0 ms  21.0 ms  mutex  shop     flush_orders",
    " 1.00 s                                                     mutex  shop     add_order",
  ]);
  assertEquals(holderTable(new ProfileBuilder().build()), "");
});

Deno.test("holderTable() leaves columns out before it is wider than it may be", () => {
  const [head] = holderTable(convoy(), { width: 64 }).split("\n");
  assertEquals(head!.includes("held") && !head!.includes("p90"), true, head);
  fc.assert(fc.property(anyRecording, fc.integer({ min: 90, max: 200 }), (profile, width) => {
    for (const line of holderTable(profile, { width }).split("\n")) {
      assertEquals(columnsOf(line) <= width, true, line);
    }
  }));
});

Deno.test("holderSites() have no more delay than the waits that have holders", () => {
  fc.assert(fc.property(anyRecording, (profile) => {
    const sum = (rows: readonly { delay: number }[]) => rows.reduce((all, { delay }) => all + delay, 0);
    const ofWaits = lockSites(profile).filter(({ isHeld }) => isHeld)
      .flatMap(({ holders }) => holders.filter((holder) => holder.thread !== "" || holder.function !== ""));
    assertEquals(sum(holderSites(profile)) >= sum(ofWaits), true);
    assertEquals(sum(holderSites(profile)) <= sum(lockSites(profile)), true);
    const held = holderSites(profile).reduce((all, site) => all + site.held.count, 0);
    assertEquals(held <= profile.holds.count.reduce((all, count) => all + count, 0), true);
  }));
});
