// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Follows waits from lock to lock: who holds one may wait for the next itself.
 *
 * @module
 */

import { type Child, h } from "../parts/dom.ts";
import { formatNs, formatShare } from "../parts/format.ts";
import { holderName, type Site } from "./lock_columns.ts";

/** Is one step: who waited at `site` waited for `holder`, which itself waited `ns` at the next link's site, if there is one. */
export interface Link {
  readonly site: Site;
  readonly holder?: Site["holders"][number];
  readonly ns: number;
}

/** So many are shown. */
const MOST = 5;

/** Who is waited for less is no link, nor who waits less itself. */
const LEAST_SHARE = 0.05;

/**
 * Returns the chains of two sites and more, the longest waits first; at each the holder that is waited for longest of
 * those that wait themselves. A chain that comes back to one of its sites ends before it. What is a part of another
 * chain is left out.
 */
export function chainsOf(sites: readonly Site[]): Link[][] {
  const chains = sites.map((site) => {
    const chain: Link[] = [];
    for (let at: Site | undefined = site; at;) {
      const { link, next }: Step = stepFrom(at, sites);
      chain.push(link);
      at = next && chain.every((link) => link.site !== next) ? next : undefined;
    }
    return chain;
  }).filter((chain) => chain.length > 1);
  const passes = (chain: Link[], site: Site) => chain.slice(1).some((link) => link.site === site);
  return chains.filter((chain, i) =>
    !chains.some((other, j) => {
      if (i === j || !passes(other, chain[0]!.site)) return false;
      // Of those that are in one circle the first stays.
      return j < i || !passes(chain, other[0]!.site);
    })
  ).slice(0, MOST);
}

interface Step {
  readonly link: Link;
  readonly next?: Site;
}

function stepFrom(site: Site, sites: readonly Site[]): Step {
  for (const holder of site.holders) {
    // The root of a stack that is not whole is no function.
    const least = site.total.value * LEAST_SHARE;
    if (holder.function.startsWith("[") || holder.total.value < least) continue;
    for (const { site: place, total } of holder.waits) {
      if (total.value < least) continue;
      const next = sites[place]!;
      // It waits there for what it is about to hold, or for the same lock.
      const isOwn = next.function === holder.function;
      const isSame = next.address.includes(" in ") && next.address === site.address;
      if (next.held && !isOwn && !isSame) return { link: { site, holder, ns: total.value }, next };
    }
  }
  const [holder] = site.holders;
  return { link: { site, ns: 0, ...(holder && { holder }) } };
}

/** Makes a line for each chain; `onsite` is told whose name was clicked. */
export function chainList(chains: readonly Link[][], onsite: (site: Site) => void): HTMLElement[] {
  return chains.map((chain) =>
    h(
      "li",
      {},
      ...chain.flatMap(({ site, holder, ns }, i): Child[] => [
        h(
          "button",
          { class: "plain name", title: site.process, onclick: () => onsite(site) },
          site.function,
        ),
        i === 0 && ` ${formatNs(site.total.value)}`,
        holder && ` ${site.held ? "held by" : "woken by"} `,
        holder && h("code", {}, holderName(holder)),
        holder &&
        ` ${formatShare(holder.total.value, site.total.value)}`,
        ns > 0 && `, which itself waits ${formatNs(ns)} in `,
      ]),
    )
  );
}
