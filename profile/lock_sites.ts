// SPDX-License-Identifier: Apache-2.0
/**
 * Sums waits for locks by the code that waited.
 *
 * @module
 */

import { addHistogram } from "./histogram.ts";
import { isIdleClass } from "./idle.ts";
import { isHeldClass, siteFrame } from "./lock_site.ts";
import { lockAt, type LockRow } from "./locks.ts";
import { frameAt, type Profile, seriesAt, UNKNOWN_MODULE } from "./model.ts";
import { processName } from "./process_name.ts";

/** Is a function that somebody was waited for in. */
export interface SiteHolder {
  /** The function is "" where nobody was seen, or only the thread is known. */
  readonly function: string;
  readonly module: string;
  /** Is the thread's name, where no more is known of it; else "". */
  readonly thread: string;
  /** Counts nanoseconds that it was waited for. */
  delay: number;
}

/** Holds waits of one function of one process's program for locks of one class and type, that are at one place. */
export interface LockSite {
  readonly function: string;
  readonly module: string;
  readonly process: string;
  readonly class: string;
  readonly type: string;
  /** Says where the lock is, as `LockColumns` of the model has it. */
  readonly address: string;
  /** Is true when nobody holds what is waited for: it is to come. */
  readonly idle: boolean;
  /** Is true when somebody holds it; else somebody wakes those who wait. */
  readonly isHeld: boolean;
  /** Counts waits that were woken, and those that are open. */
  waits: number;
  open: number;
  /** Counts nanoseconds of both in the windows, of the longest as a whole, and since the oldest of the open ones began. */
  delay: number;
  max: number;
  oldest: number;
  /** Counts waits that timed out or were interrupted. */
  gaveUp: number;
  /** Says how many of `waits` took from 2^i up to 2^(i+1) ns, at index i. */
  readonly histogram: number[];
  /** Says who was waited for, the longest first. */
  readonly holders: SiteHolder[];
}

/** Returns the functions that waited, those with the longest delay first; see {@linkcode siteFrame}. */
export function lockSites(profile: Profile): LockSite[] {
  const sites = new Map<string, LockSite>();
  for (let row = 0; row < profile.locks.outcome.length; row++) {
    const lock = lockAt(profile, row);
    const site = siteOf(sites, profile, lock);
    if (lock.outcome === "timeout" || lock.outcome === "interrupted") {
      site.gaveUp += lock.count;
      continue;
    }
    if (lock.outcome === "open") {
      site.open += lock.count;
      if (lock.count > 0) site.oldest = Math.max(site.oldest, lock.max);
    } else site.waits += lock.count;
    site.delay += lock.delay;
    site.max = Math.max(site.max, lock.max);
    addHistogram(site.histogram, lock.histogram);
    addHolder(site, holderOf(profile, lock), lock.delay);
  }
  const sorted = [...sites.values()].sort((a, b) => {
    return b.delay - a.delay || b.waits - a.waits || (a.function < b.function ? -1 : 1);
  });
  for (const { holders } of sorted) holders.sort((a, b) => b.delay - a.delay);
  return sorted;
}

function siteOf(sites: Map<string, LockSite>, profile: Profile, lock: LockRow): LockSite {
  const code = codeOf(profile, lock.stack, lock.type) ?? { function: UNKNOWN_MODULE, module: "" };
  const process = processName(seriesAt(profile, lock.series));
  const { class: className, type, address } = lock;
  const key = [code.function, code.module, process, className, type, address].join("\0");
  let site = sites.get(key);
  if (!site) {
    const idle = isIdleClass(className);
    const isHeld = isHeldClass(className, type);
    sites.set(key, site = { ...code, process, class: className, type, address, idle, isHeld, ...noSums() });
  }
  return site;
}

function noSums() {
  return { waits: 0, open: 0, delay: 0, max: 0, oldest: 0, gaveUp: 0, histogram: [], holders: [] };
}

function codeOf(profile: Profile, stack: number, type: string) {
  const { offset, frame } = profile.stacks;
  const frames = Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => frameAt(profile, row));
  const found = siteFrame(frames, type);
  return found && { function: found.function, module: found.module };
}

function holderOf(profile: Profile, { holder, type }: LockRow): Omit<SiteHolder, "delay"> {
  if (!holder) return { function: "", module: "", thread: "" };
  const code = codeOf(profile, holder.stack, type);
  if (code) return { ...code, thread: "" };
  return { function: "", module: "", thread: seriesAt(profile, holder.series).comm };
}

function addHolder({ holders }: LockSite, holder: Omit<SiteHolder, "delay">, delay: number): void {
  const known = holders.find((each) => {
    return each.function === holder.function && each.module === holder.module &&
      each.thread === holder.thread;
  });
  if (known) known.delay += delay;
  else holders.push({ ...holder, delay });
}

/** Returns all of `sites` as one, without a name. */
export function sumOfSites(sites: readonly LockSite[]): LockSite {
  const whole: LockSite = {
    ...{ function: "", module: "", process: "", class: "", type: "", address: "", idle: false, isHeld: true },
    ...noSums(),
  };
  for (const { waits, open, delay, max, oldest, gaveUp, histogram } of sites) {
    whole.waits += waits;
    whole.open += open;
    whole.delay += delay;
    whole.max = Math.max(whole.max, max);
    whole.oldest = Math.max(whole.oldest, oldest);
    whole.gaveUp += gaveUp;
    addHistogram(whole.histogram, histogram);
  }
  return whole;
}
