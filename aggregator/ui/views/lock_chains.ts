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

/** Is one step: who waited at `site` waited for `holder`, which itself waited `ns` at the next link's site. */
export interface Link {
  readonly site: Site;
  /** Is missing at the end. */
  readonly holder?: Site["holders"][number];
  readonly ns: number;
}

/** So many are shown. */
const MOST = 5;

/**
 * Returns the chains of two sites and more, the longest waits first; at each the holder that is waited for longest of
 * those that wait themselves. A chain that comes back to one of its sites ends with it. What is a part of another chain
 * is left out.
 */
export function chainsOf(sites: readonly Site[]): Link[][] {
  const chains = sites.map((site) => {
    const chain: Link[] = [];
    const seen = new Set<Site>();
    for (let at: Site | undefined = site; at;) {
      const holder: Link["holder"] = seen.has(at)
        ? undefined
        : at.holders.find(({ waits }) => waits.length > 0);
      const next: Site["holders"][number]["waits"][number] | undefined = holder?.waits[0];
      seen.add(at);
      chain.push({ site: at, ...(holder && { holder }), ns: next?.total.value ?? 0 });
      at = next && sites[next.site];
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
        holder && h("span", { class: "name", title: holder.process }, holderName(holder)),
        holder &&
        ` ${formatShare(holder.total.value, site.total.value)}, which itself waits ${formatNs(ns)} in `,
      ]),
    )
  );
}
