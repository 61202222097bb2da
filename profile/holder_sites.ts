// SPDX-License-Identifier: Apache-2.0
/**
 * Sums how long locks were held, and how long that kept others waiting, by the code that held them.
 *
 * @module
 */

import { isIdleClass } from "./idle.ts";
import { holdAt, HoldSums } from "./holds.ts";
import { isHeldClass, siteFrame } from "./lock_site.ts";
import { lockAt } from "./locks.ts";
import { frameAt, type Profile, seriesAt } from "./model.ts";
import { processName } from "./process_name.ts";

/** Is a function of one process's program that held locks of one class for which others waited. */
export interface HolderSite {
  /** The function is "" where only the thread is known that held. */
  readonly function: string;
  readonly module: string;
  readonly process: string;
  readonly class: string;
  /** Counts nanoseconds that others waited for it. */
  delay: number;
  /** Says how often and how long it held a lock for which others waited. */
  readonly held: HoldSums;
}

/** Returns the functions that held locks, those that others waited longest for first; see {@linkcode siteFrame}. */
export function holderSites(profile: Profile): HolderSite[] {
  const sites = new Map<string, HolderSite>();
  const siteOf = (series: number, stack: number, of: { class: string; type: string }) => {
    const { offset, frame } = profile.stacks;
    const rows = frame.subarray(offset[stack], offset[stack + 1]);
    const code = siteFrame(Array.from(rows, (row) => frameAt(profile, row)), of.type);
    const { function: name, module } = code ?? { function: "", module: "" };
    const process = processName(seriesAt(profile, series));
    return sites.getOrInsertComputed(
      [name, module, process, of.class].join("\0"),
      () => ({ function: name, module, process, class: of.class, delay: 0, held: new HoldSums() }),
    );
  };
  for (let row = 0; row < profile.locks.outcome.length; row++) {
    const { outcome, holder, delay, ...lock } = lockAt(profile, row);
    const isPart = outcome === "woken" || outcome === "open";
    if (!isPart || !holder || !isHeldClass(lock.class, lock.type)) continue;
    siteOf(holder.series, holder.stack, lock).delay += delay;
  }
  for (let row = 0; row < profile.holds.class.length; row++) {
    const hold = holdAt(profile, row);
    if (isIdleClass(hold.class)) continue;
    siteOf(hold.series, hold.stack, { class: hold.class, type: "futex" }).held.add(hold);
  }
  return [...sites.values()].sort((a, b) => {
    return b.delay - a.delay || b.held.total - a.held.total || (a.function < b.function ? -1 : 1);
  });
}
