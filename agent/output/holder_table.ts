// SPDX-License-Identifier: Apache-2.0
/**
 * Shows who held locks for which others waited, and for how long, as a table for the terminal.
 *
 * @module
 */

import { bold, dim } from "@std/fmt/colors";
import { quantile } from "../../profile/histogram.ts";
import { type HolderSite, holderSites } from "../../profile/holder_sites.ts";
import { HoldSums } from "../../profile/holds.ts";
import type { Profile } from "../../profile/model.ts";
import { formatAmount, formatCount } from "./amount.ts";
import { type Column, fitColumns } from "./columns.ts";
import { cutMiddle } from "./fit.js";
import type { LockTableOptions } from "./lock_table.ts";
import { printable } from "./top_table.ts";

const NAMES_WIDTH = 24;

/** Says it of those that were seen to hold: of others only how long they were waited for is known. */
const COLUMNS: readonly Column<HolderSite>[] = [
  { head: "delayed", cell: ({ delay }) => ns(delay) },
  { head: "held", cell: ({ held }) => held.count > 0 ? ns(held.total) : "" },
  { head: "times", cell: ({ held }) => held.count > 0 ? formatCount(held.count) : "" },
  { head: "p50", cell: (site) => quantileOf(site, 0.5), spare: 4 },
  { head: "p90", cell: (site) => quantileOf(site, 0.9), spare: 5 },
  { head: "p99", cell: (site) => quantileOf(site, 0.99), spare: 3 },
  { head: "longest", cell: ({ held }) => held.count > 0 ? ns(held.max) : "", spare: 1 },
  { head: "class", cell: (site) => site.class, text: true, spare: 6 },
  { head: "process", cell: ({ process }) => printable(process), text: true, spare: 2 },
];

/**
 * Returns a row for each function that held locks, those that others waited longest for first: how long that was, and
 * how often and how long it held one for which somebody waited. "" where nobody was seen to hold one. Lines are at most
 * `width` columns wide.
 */
export function holderTable(
  profile: Profile,
  { limit = 10, width = 100, colors = false }: Omit<LockTableOptions, "idle"> = {},
): string {
  const sites = holderSites(profile);
  if (sites.length === 0) return "";
  // One row too many is shown rather than summed alone.
  const shown = sites.length > limit + 1 ? sites.slice(0, limit) : sites;
  const rest = sites.slice(shown.length);
  const rows = [
    ...shown.map((site) => ({ site, name: nameOf(site) })),
    ...rest.length > 0 ? [{ site: sumOf(rest), name: `${formatCount(rest.length)} other sites` }] : [],
  ];
  const fitted = fitColumns(COLUMNS, rows.map(({ site }) => site), { width, beside: NAMES_WIDTH });
  const room = Math.max(width - fitted.width, 16);
  const lines = rows.map(({ site, name }, i) => {
    const text = fitted.line(site) + cutMiddle(name, room);
    return colors && i >= shown.length ? dim(text) : text;
  });
  const head = fitted.head + "who held";
  return [colors ? bold(head) : head, ...lines].join("\n") + "\n";
}

function nameOf({ function: name }: HolderSite): string {
  return name === "" ? "threads without a stack" : printable(name);
}

function sumOf(sites: readonly HolderSite[]): HolderSite {
  const held = new HoldSums();
  for (const site of sites) held.add(site.held);
  const delay = sites.reduce((sum, site) => sum + site.delay, 0);
  return { ...{ function: "", module: "", process: "", class: "" }, delay, held };
}

function ns(amount: number): string {
  return formatAmount(Math.round(amount), "nanoseconds");
}

function quantileOf({ held: { count, max, histogram } }: HolderSite, q: number): string {
  return count > 0 ? ns(Math.min(quantile(histogram, q), max)) : "";
}
