// SPDX-License-Identifier: Apache-2.0
/**
 * Finds where those who are waited for wait themselves: a chain of locks begins there.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";
import type { Code, Stacks } from "./lock_holders.ts";
import { NO_TOTAL } from "./totals.ts";
import type { LockHolder, LockSite } from "./wait_answers.ts";

/** So many sites are named of each holder, those where it waited longest. */
const MOST_WAITS = 3;

/** Is one stack that waited at a site. */
export interface WaitingStack {
  readonly process: string;
  /** Is the stack's hash. */
  readonly stack: string;
  readonly total: Total;
}

/**
 * Returns `sites` whose holders have the other sites where stacks through the same function of the same process waited.
 *
 * @param waiting has the stacks of each site
 */
export function withChains(
  sites: readonly LockSite[],
  waiting: readonly (readonly WaitingStack[])[],
  stacks: Stacks,
): LockSite[] {
  const holders = sites.flatMap((site) => site.holders).filter((holder) => holder.function !== "");
  const names = new Set(holders.map((holder) => holder.function));
  const waits = new Map(holders.map((holder) => [keyOf(holder.process, holder), new Map<number, Total>()]));
  waiting.forEach((own, site) => {
    for (const { process, stack, total } of own) {
      const code = (stacks.get(stack) ?? []).filter((frame) => names.has(frame.function));
      // A function that calls itself waits once.
      for (const key of new Set(code.map((frame) => keyOf(process, frame)))) {
        const sums = waits.get(key);
        const { value, count } = sums?.get(site) ?? NO_TOTAL;
        sums?.set(site, { value: value + total.value, count: count + total.count });
      }
    }
  });
  const waitsOf = (holder: LockHolder, own: number) =>
    [...waits.get(keyOf(holder.process, holder)) ?? []].map(([site, total]) => ({ site, total }))
      .filter(({ site, total }) => site !== own && total.value > 0)
      .sort((a, b) => b.total.value - a.total.value || a.site - b.site).slice(0, MOST_WAITS);
  return sites.map((site, own) => ({
    ...site,
    holders: site.holders.map((holder) => ({ ...holder, waits: waitsOf(holder, own) })),
  }));
}

function keyOf(process: string, { function: name, module }: Code): string {
  return `${process}\0${name}\0${module}`;
}
