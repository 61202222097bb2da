// SPDX-License-Identifier: Apache-2.0
/**
 * Reckons from plain rows what the queries of waits and calls must answer.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { quantile } from "../../profile/histogram.ts";
import type { Total } from "../../profile/model.ts";
import { CallSums } from "../../profile/syscalls.ts";
import type { PlainLock, PlainSyscall } from "./random_batches.ts";
import { siteFrame } from "../../profile/lock_site.ts";
import type { Label } from "../../aggregator/query/matchers.ts";
import type { LocksAnswer, SyscallsAnswer } from "../../aggregator/query/types.ts";

interface Site {
  waits: number;
  delay: number;
  max: number;
  timeouts: number;
  interrupted: number;
  readonly holders: Map<string, Total>;
}

/** Is what `siteFrame` gives where there is no frame at all. */
const NO_FRAME = { function: "unknown", module: "[unknown]" };

/** Checks that `answer` has the sums of `locks` by site, the largest first. */
export function checkSites(
  answer: LocksAnswer,
  locks: readonly PlainLock[],
  { limit, holders }: { limit: number; holders: number },
): void {
  const sites = sitesOf(locks);
  const delays = [...sites.values()].map(({ delay }) => delay).sort((a, b) => b - a);
  assertEquals(answer.sites.map(({ total }) => total.value), delays.slice(0, limit));
  for (const site of answer.sites) {
    const key = JSON.stringify([site.function, site.module, site.class, site.type]);
    const expected = sites.get(key)!;
    assertEquals(
      { ...site.total, max: site.max, timeouts: site.timeouts, interrupted: site.interrupted },
      {
        value: expected.delay,
        count: expected.waits,
        max: expected.max,
        timeouts: expected.timeouts,
        interrupted: expected.interrupted,
      },
    );
    for (const holder of site.holders) {
      assertEquals(holder.total, expected.holders.get(JSON.stringify([holder.function, holder.module])));
    }
    assertEquals(site.holders.length, Math.min(holders, expected.holders.size));
    const shown = site.holders.map(({ total }) => total.value);
    const all = [...expected.holders.values()].map(({ value }) => value).sort((a, b) => b - a);
    assertEquals(shown, all.slice(0, holders));
    assertEquals(site.otherHolders.value, site.total.value - shown.reduce((a, b) => a + b, 0));
  }
  const whole = locks.filter(({ outcome }) => outcome === "woken" || outcome === "open");
  assertEquals(answer.total, {
    value: whole.reduce((sum, { delay }) => sum + delay, 0),
    count: whole.reduce((sum, { outcome, count }) => sum + (outcome === "woken" ? count : 0), 0),
  });
  const listed = answer.sites.reduce((sum, { total }) => sum + total.value, 0);
  assertEquals(answer.other.value, answer.total.value - listed);
}

function sitesOf(locks: readonly PlainLock[]): Map<string, Site> {
  const sites = new Map<string, Site>();
  for (const lock of locks) {
    const { function: name, module } = siteFrame(lock.frames, lock.type) ?? NO_FRAME;
    const key = JSON.stringify([name, module, lock.class, lock.type]);
    const site = sites.get(key) ??
      { waits: 0, delay: 0, max: 0, timeouts: 0, interrupted: 0, holders: new Map<string, Total>() };
    sites.set(key, site);
    if (lock.outcome === "timeout") site.timeouts += lock.count;
    else if (lock.outcome === "interrupted") site.interrupted += lock.count;
    else {
      const waits = lock.outcome === "woken" ? lock.count : 0;
      site.waits += waits;
      site.delay += lock.delay;
      site.max = Math.max(site.max, lock.max);
      const held = lock.holder
        ? siteFrame(lock.holder.frames, lock.type) ?? NO_FRAME
        : { function: "", module: "" };
      const holder = JSON.stringify([held.function, held.module]);
      const { value, count } = site.holders.get(holder) ?? { value: 0, count: 0 };
      site.holders.set(holder, { value: value + lock.delay, count: count + waits });
    }
  }
  return sites;
}

/** Checks that `answer` has the sums of `calls`, the largest first. */
export function checkCalls(
  answer: SyscallsAnswer,
  calls: readonly PlainSyscall[],
  { groupBy, limit }: { groupBy: readonly Label[]; limit: number },
): void {
  const sums = new Map<string, CallSums>();
  for (const call of calls) {
    const group = groupBy.map((label) => label === "node" ? call.node : String(call.series[label]));
    const key = JSON.stringify([group, call.call, call.category]);
    if (!sums.has(key)) sums.set(key, new CallSums());
    sums.get(key)!.add(call);
  }
  const totals = [...sums.values()].map(({ total }) => total).sort((a, b) => b - a);
  assertEquals(answer.rows.map(({ total }) => total.value), totals.slice(0, limit));
  for (const row of answer.rows) {
    const expected = sums.get(JSON.stringify([row.group, row.call, row.category]))!;
    const { count, total, min, max, errors, histogram } = expected;
    assertEquals(row.total, { value: total, count });
    assertEquals([row.min, row.max], [min, max]);
    assertEquals(row.errors, errors);
    assertEquals(row.failed, [...errors.values()].reduce((a, b) => a + b, 0));
    assertEquals(row.histogram, histogram);
    for (const [name, q] of [["p50", 0.5], ["p90", 0.9], ["p99", 0.99]] as const) {
      assertEquals(row[name], Math.min(Math.max(quantile(histogram, q), min), max));
    }
    assert(row.p50 <= row.p90 && row.p90 <= row.p99);
  }
  const sum = (of: (call: PlainSyscall) => number) => calls.reduce((all, call) => all + of(call), 0);
  assertEquals(answer.total, { value: sum(({ total }) => total), count: sum(({ count }) => count) });
  const listed = answer.rows.reduce((all, { total }) => all + total.value, 0);
  assertEquals(answer.other.value, answer.total.value - listed);
}
