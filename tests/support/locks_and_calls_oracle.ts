// SPDX-License-Identifier: Apache-2.0
/**
 * Reckons from plain rows what the queries of waits and calls must answer.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { addHistogram, quantile } from "../../profile/histogram.ts";
import type { Frame, Total } from "../../profile/model.ts";
import { HoldSums } from "../../profile/holds.ts";
import { isHeldClass, siteFrame } from "../../profile/lock_site.ts";
import { processName } from "../../profile/process_name.ts";
import { SlowCallSums } from "../../profile/slow_calls.ts";
import { CallSums } from "../../profile/syscalls.ts";
import type { Label } from "../../profile/labels.ts";
import { coverTime } from "../../aggregator/query/time_cover.ts";
import type {
  LockHolder,
  LocksAnswer,
  LockSite,
  SyscallsAnswer,
} from "../../aggregator/query/wait_answers.ts";
import type { Selection } from "../../aggregator/query/asked.ts";
import type { Origin, PlainHold, PlainLock, PlainSlowCall, PlainSyscall } from "./random_batches.ts";

interface Site {
  waits: number;
  delay: number;
  max: number;
  timeouts: number;
  interrupted: number;
  open: number;
  oldest: number;
  readonly histogram: number[];
  readonly holders: Map<string, Total>;
}

/** Is what `siteFrame` gives where there is no frame at all. */
const NO_FRAME = { function: "unknown", module: "[unknown]" };
const NONE: Total = { value: 0, count: 0 };

/** Says of a row whether what it has open was so at the end of the selection's time. */
export type AtEnd = (row: Origin) => boolean;

/**
 * Returns what was open at the end of `selection`, of nodes that sent `batches`: a row is so where its bucket, of the
 * tables that its time is read from, has the node's newest window. Of a time that has not come nothing is known.
 */
export function atEndOf(
  { from, to }: Pick<Selection, "from" | "to">,
  batches: readonly { readonly node: string; readonly startNs: bigint }[],
): AtEnd {
  const parts = coverTime(from, to);
  const seconds = ({ startNs }: { readonly startNs: bigint }) => Number(startNs / 1_000_000_000n);
  const [first, end] = [parts[0]?.from ?? 0, parts.at(-1)?.to ?? 0];
  const since = Math.max(first, Math.min(end, Math.floor(Date.now() / 1000)) - 3600);
  const newest = new Map<string, number>();
  for (const batch of batches) {
    const start = seconds(batch);
    if (start >= since && start < end) newest.set(batch.node, Math.max(start, newest.get(batch.node) ?? 0));
  }
  return ({ node, startMs }) => {
    const second = Math.floor(startMs / 1000);
    const part = parts.find((each) => each.from <= second && second < each.to);
    const step = part?.resolution.step ?? 1;
    const known = newest.get(node);
    return known !== undefined && Math.floor(second / step) * step + step > known;
  };
}

/** Checks that `answer` has the sums of `locks` by site, the largest first. */
export function checkSites(
  answer: LocksAnswer,
  locks: readonly PlainLock[],
  { limit, holders, atEnd }: { limit: number; holders: number; atEnd: AtEnd },
): void {
  const sites = sitesOf(locks, atEnd);
  const delays = [...sites.values()].map(({ delay }) => delay).sort((a, b) => b - a);
  assertEquals(answer.sites.map(({ total }) => total.value), delays.slice(0, limit));
  for (const site of answer.sites) {
    const key = [site.function, site.module, site.process, site.class, site.type, site.address];
    const expected = sites.get(JSON.stringify(key))!;
    const { max, timeouts, interrupted, open, oldest, histogram, p50, p90, p99 } = site;
    assertEquals({ ...site.total, max, timeouts, interrupted, open, oldest, histogram }, {
      ...{ value: expected.delay, count: expected.waits, max: expected.max },
      ...{ timeouts: expected.timeouts, interrupted: expected.interrupted },
      ...{ open: expected.open, oldest: expected.oldest, histogram: trimmed(expected.histogram) },
    });
    assertEquals([p50, p90, p99], [0.5, 0.9, 0.99].map((q) => Math.min(quantile(histogram, q), max)));
    for (const holder of site.holders) {
      const of = JSON.stringify([holder.function, holder.module, holder.process, holder.thread]);
      assertEquals(holder.total, expected.holders.get(of));
      assertEquals(holder.waits, waitsOf(holder, { answer, own: site, locks }));
    }
    assertEquals(site.holders.length, Math.min(holders, expected.holders.size));
    const shown = site.holders.map(({ total }) => total.value);
    const all = [...expected.holders.values()].map(({ value }) => value).sort((a, b) => b - a);
    assertEquals(shown, all.slice(0, holders));
    assertEquals(site.otherHolders.value, site.total.value - shown.reduce((a, b) => a + b, 0));
  }
  assertEquals(answer.total, totalOf(locks));
  const listed = answer.sites.reduce((sum, { total }) => sum + total.value, 0);
  assertEquals(answer.other.value, answer.total.value - listed);
}

/** Reckons at which other sites of `answer` stacks through a holder's function waited. */
function waitsOf(
  holder: LockHolder,
  { answer, own, locks }: { answer: LocksAnswer; own: LockSite; locks: readonly PlainLock[] },
): LockHolder["waits"] {
  if (holder.function === "") return [];
  const through = locks.filter(({ series, frames }) =>
    processName(series) === holder.process &&
    frames.some((frame) => frame.function === holder.function && frame.module === holder.module)
  );
  return answer.sites.map((site, i) => {
    const parts = [site.function, site.module, site.process, site.class, site.type, site.address];
    const key = JSON.stringify(parts);
    return { site: i, total: totalOf(through.filter((lock) => siteKeyOf(lock) === key)) };
  }).filter(({ site, total }) => answer.sites[site] !== own && total.value > 0)
    .sort((a, b) => b.total.value - a.total.value || a.site - b.site).slice(0, 3);
}

function siteKeyOf({ frames, series, class: of, type, address }: PlainLock): string {
  const { function: name, module } = siteFrame(frames, type) ?? NO_FRAME;
  return JSON.stringify([name, module, processName(series), of, type, address]);
}

/** Returns the sum of waits that are in a graph. */
export function totalOf(locks: readonly PlainLock[]): Total {
  const whole = locks.filter(({ outcome }) => outcome === "woken" || outcome === "open");
  return {
    value: whole.reduce((sum, { delay }) => sum + delay, 0),
    count: whole.reduce((sum, { outcome, count }) => sum + (outcome === "woken" ? count : 0), 0),
  };
}

/** Checks that `answer` has those who held locks, by how long was waited for them. */
export function checkHolders(
  answer: LocksAnswer,
  { locks, holds, limit }: { locks: readonly PlainLock[]; holds: readonly PlainHold[]; limit: number },
): void {
  const sites = new Map<string, { delay: Total; held: HoldSums }>();
  const siteOf = (
    frames: readonly Frame[],
    series: Origin["series"],
    of: { class: string; type: string },
  ) => {
    const { function: name, module } = siteFrame(frames, of.type) ?? { function: "", module: "" };
    const key = JSON.stringify([name, module, processName(series), of.class]);
    const site = sites.get(key) ?? { delay: NONE, held: new HoldSums() };
    sites.set(key, site);
    return site;
  };
  for (const lock of locks) {
    const { holder, outcome, delay, count } = lock;
    if (!holder || outcome === "timeout" || outcome === "interrupted") continue;
    if (!isHeldClass(lock.class, lock.type)) continue;
    const site = siteOf(holder.frames, holder.series, lock);
    const ended = outcome === "woken" ? count : 0;
    site.delay = { value: site.delay.value + delay, count: site.delay.count + ended };
  }
  for (const hold of holds) siteOf(hold.frames, hold.series, { ...hold, type: "futex" }).held.add(hold);
  assertEquals(answer.holders.length, Math.min(limit, sites.size));
  assertEquals(
    answer.holders.map(({ delay }) => delay.value),
    [...sites.values()].map(({ delay }) => delay.value).sort((a, b) => b - a).slice(0, limit),
  );
  for (const site of answer.holders) {
    const expected = sites.get(JSON.stringify([site.function, site.module, site.process, site.class]))!;
    const { count, total, max, histogram } = expected.held;
    assertEquals([site.delay, site.held, site.max], [expected.delay, { value: total, count }, max]);
    assertEquals(site.histogram, trimmed(histogram));
    assertEquals(site.p99, Math.min(quantile(histogram, 0.99), max));
  }
}

/** Returns `histogram` without the zeros at its end. */
function trimmed(histogram: readonly number[]): number[] {
  return histogram.slice(0, histogram.findLastIndex((count) => count > 0) + 1);
}

function sitesOf(locks: readonly PlainLock[], atEnd: AtEnd): Map<string, Site> {
  const sites = new Map<string, Site>();
  // Rows of one key that are of one bucket are one row; the most of them was open.
  const open = new Map<string, { readonly site: Site; most: number }>();
  for (const lock of locks) {
    const key = siteKeyOf(lock);
    const none = { waits: 0, delay: 0, max: 0, timeouts: 0, interrupted: 0, open: 0, oldest: 0 };
    const site: Site = sites.get(key) ?? { ...none, histogram: [], holders: new Map<string, Total>() };
    sites.set(key, site);
    if (lock.outcome === "timeout") site.timeouts += lock.count;
    else if (lock.outcome === "interrupted") site.interrupted += lock.count;
    else {
      const waits = lock.outcome === "woken" ? lock.count : 0;
      site.waits += waits;
      site.delay += lock.delay;
      site.max = Math.max(site.max, lock.max);
      if (lock.outcome === "woken") addHistogram(site.histogram, lock.histogram);
      else if (atEnd(lock)) {
        const { node, series, frames, holder, address, class: of, type } = lock;
        const row = JSON.stringify([node, series, frames, holder, address, of, type]);
        const known = open.get(row) ?? { site, most: 0 };
        open.set(row, { site, most: Math.max(known.most, lock.count) });
        site.oldest = Math.max(site.oldest, lock.max);
      }
      const held = lock.holder && siteFrame(lock.holder.frames, lock.type);
      const code = held ?? { function: "", module: "" };
      const by = lock.holder?.series;
      const thread = held ? "" : by?.comm ?? "";
      const holder = JSON.stringify([code.function, code.module, by ? processName(by) : "", thread]);
      const { value, count } = site.holders.get(holder) ?? NONE;
      site.holders.set(holder, { value: value + lock.delay, count: count + waits });
    }
  }
  for (const { site, most } of open.values()) site.open += most;
  return sites;
}

/** Checks that `answer` has the sums of `calls`, the largest first, and of those that were `slow`. */
export function checkCalls(
  answer: SyscallsAnswer,
  { calls, slow }: { calls: readonly PlainSyscall[]; slow: readonly PlainSlowCall[] },
  { groupBy, limit, atEnd }: { groupBy: readonly Label[]; limit: number; atEnd: AtEnd },
): void {
  const keyOf = (call: PlainSyscall | PlainSlowCall) => {
    const group = groupBy.map((label) => {
      if (label === "node") return call.node;
      return label === "process" ? processName(call.series) : String(call.series[label]);
    });
    return JSON.stringify([group, call.call, call.category]);
  };
  const sums = new Map<string, CallSums>();
  const open = new Map<string, Map<string, number>>();
  for (const call of calls) {
    const key = keyOf(call);
    if (!sums.has(key)) sums.set(key, new CallSums());
    const last = atEnd(call);
    sums.get(key)!.add({ ...call, oldest: last ? call.oldest : 0 });
    const row = JSON.stringify([call.node, call.series]);
    const known = open.get(key) ?? new Map<string, number>();
    open.set(key, known.set(row, Math.max(known.get(row) ?? 0, last ? call.open : 0)));
  }
  const totals = [...sums.values()].map(({ total }) => total).sort((a, b) => b - a);
  assertEquals(answer.rows.map(({ total }) => total.value), totals.slice(0, limit));
  const slowBy = Map.groupBy(slow, keyOf);
  for (const row of answer.rows) {
    const key = JSON.stringify([row.group, row.call, row.category]);
    const { count, total, min, max, errors, histogram, oldest } = sums.get(key)!;
    assertEquals(row.total, { value: total, count });
    assertEquals([row.min, row.max], [count > 0 ? min : 0, max]);
    assertEquals([row.open, row.oldest], [open.get(key)!.values().reduce((a, b) => a + b, 0), oldest]);
    assertEquals(row.errors, errors);
    assertEquals(row.failed, [...errors.values()].reduce((a, b) => a + b, 0));
    assertEquals(row.histogram, histogram);
    for (const [name, q] of [["p50", 0.5], ["p90", 0.9], ["p99", 0.99]] as const) {
      assertEquals(row[name], Math.min(Math.max(quantile(histogram, q), row.min), max));
    }
    assert(row.p50 <= row.p90 && row.p90 <= row.p99);
    checkSlow(row.slow, slowBy.get(key) ?? []);
  }
  const sum = (of: (call: PlainSyscall) => number) => calls.reduce((all, call) => all + of(call), 0);
  assertEquals(answer.total, { value: sum(({ total }) => total), count: sum(({ count }) => count) });
  const listed = answer.rows.reduce((all, { total }) => all + total.value, 0);
  assertEquals(answer.other.value, answer.total.value - listed);
}

function checkSlow(
  { total, onCpu, inLock, blocked, objects, otherObjects }: SyscallsAnswer["rows"][number]["slow"],
  slow: readonly PlainSlowCall[],
): void {
  const whole = new SlowCallSums();
  slow.forEach((row) => whole.add(row));
  assertEquals(total, { value: whole.total, count: whole.count });
  assertEquals([onCpu, inLock, blocked], [
    whole.onCpu,
    whole.inLock,
    whole.total - whole.onCpu - whole.inLock,
  ]);
  const byObject = Map.groupBy(slow, ({ object }) => object);
  assertEquals(objects.length, Math.min(byObject.size, 5));
  for (const { object, total, max } of objects) {
    const own = new SlowCallSums();
    byObject.get(object)!.forEach((row) => own.add(row));
    assertEquals([total, max], [{ value: own.total, count: own.count }, own.max]);
  }
  assertEquals(otherObjects.value, whole.total - objects.reduce((sum, { total }) => sum + total.value, 0));
}
