// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Makes the columns of locks, and of the code that held them.
 *
 * @module
 */

import type { LocksJson } from "../../http/answers.ts";
import { h } from "../parts/dom.ts";
import { formatCount, formatShare, shortModule } from "../parts/format.ts";
import { type Column, countColumn } from "../parts/table.ts";
import { openColumn, quantileColumns, shareColumn, timeColumn } from "../parts/wait_columns.ts";

const NOT_SEEN = "somebody unseen";

export type Site = LocksJson["sites"][number];
export type Holder = LocksJson["holders"][number];

/** Returns what stands for a site in the address; its function comes first, up to a tab. */
export function siteKey(site: Pick<Site, "function" | "module" | "class" | "type" | "process">): string {
  return [site.function, site.module, site.class, site.type, site.process].join("\t");
}

/** Makes the columns of the sites where threads waited; `total` is how long they did in all, in ns. */
export function siteColumns(total: () => number): Column<Site>[] {
  return [
    shareColumn("Waited", (site) => site.total.value, total),
    {
      title: "Waited in",
      value: (site) => site.function,
      cell: (site) =>
        h(
          "span",
          { class: "name", title: [...site.stack, site.process].join("\n") },
          site.function,
          h("small", {}, ` ${shortModule(site.module)}`),
        ),
    },
    {
      title: "For whom",
      hint: "Somebody holds a lock; what is to come has no holder, only who wakes those who wait",
      value: (site) => site.holders[0] ? holderName(site.holders[0]) : "",
      cell: (site) => h("span", { class: "name" }, holdersText(site)),
    },
    countColumn("Waits", (site) => site.total.count),
    ...quantileColumns<Site>(),
    openColumn("Waits now"),
    {
      title: "Lock",
      minor: true,
      value: (site) => site.class,
      cell: (site) =>
        h(
          "span",
          { title: site.address || "Of several places, or not known" },
          site.type === "futex" ? site.class : `${site.class} (kernel)`,
        ),
    },
    {
      title: "Gave up",
      number: true,
      minor: true,
      value: (site) => site.timeouts + site.interrupted,
      cell: (site) =>
        h("span", {
          title: `${formatCount(site.timeouts)} timed out, ${formatCount(site.interrupted)} interrupted`,
        }, site.timeouts + site.interrupted > 0 ? formatCount(site.timeouts + site.interrupted) : ""),
    },
  ];
}

/**
 * Makes the columns of the code that held locks.
 *
 * @param options.total is how long others waited in all, in ns
 * @param options.onopen is told whose name was clicked
 */
export function holderColumns(
  { total, onopen }: { readonly total: () => number; readonly onopen: (holder: Holder) => void },
): Column<Holder>[] {
  return [
    shareColumn("Others waited", (holder) => holder.delay.value, total),
    {
      title: "Held by",
      value: (holder) => holder.function,
      cell: (holder) =>
        h(
          holder.function ? "button" : "span",
          { class: "plain name", title: holder.process, onclick: () => onopen(holder) },
          holder.function || NOT_SEEN,
          h("small", {}, ` ${shortModule(holder.module)}`),
        ),
    },
    countColumn("Waits ended", (holder) => holder.delay.count),
    timeColumn("Held", (holder) => holder.held.value, "How long it held locks for which others waited"),
    countColumn("Times", (holder) => holder.held.count),
    ...quantileColumns<Holder>(),
    { title: "Lock", minor: true, value: (holder) => holder.class, cell: (holder) => holder.class },
  ];
}

/** Returns the function of a holder, the name of its thread where there is no code of it, or that it was not seen. */
export function holderName(holder: Site["holders"][number]): string {
  return holder.function || (holder.thread && `thread ${holder.thread}`) || NOT_SEEN;
}

/** Says whether the largest holders of a site held the lock or woke those who waited, and their shares. */
export function holdersText({ held, holders, total }: Pick<Site, "held" | "holders" | "total">): string {
  if (holders.length === 0) return "";
  const largest = holders.slice(0, 3).map((holder) =>
    `${holderName(holder)} ${formatShare(holder.total.value, total.value)}`
  );
  return `${held ? "held by" : "woken by"} ${largest.join(", ")}${holders.length > 3 ? ", …" : ""}`;
}
