// SPDX-License-Identifier: Apache-2.0
/**
 * Shows who waited for locks, and for whom, as a table for the terminal.
 *
 * @module
 */

import { bold, dim, red, yellow } from "@std/fmt/colors";
import { quantile } from "../../profile/histogram.ts";
import { type LockSite, lockSites, type SiteHolder, sumOfSites } from "../../profile/lock_sites.ts";
import type { Profile } from "../../profile/model.ts";
import { formatAmount, formatCount, formatPercent } from "./amount.ts";
import { type Column, fitColumns } from "./columns.ts";
import { columnsOf, cutMiddle } from "./fit.js";
import { printable } from "./top_table.ts";

export interface LockTableOptions {
  /** Includes waits of threads that have nothing to do. @default {false} */
  readonly idle?: boolean;
  /** So many sites have a row; the others are summed in one. @default {10} */
  readonly limit?: number;
  /** Columns of the terminal. @default {100} */
  readonly width?: number;
  /** @default {false} */
  readonly colors?: boolean;
}

/** So many of those who were waited for are named. */
const HOLDERS = 3;
/** The names have so many columns at least; what can be done without goes before. */
const NAMES_WIDTH = 40;

const COLUMNS: readonly Column<LockSite>[] = [
  { head: "delay", cell: ({ delay }) => ns(delay) },
  { head: "waits", cell: ({ waits }) => formatCount(waits) },
  { head: "open", cell: ({ open }) => open > 0 ? formatCount(open) : "" },
  { head: "oldest", cell: ({ open, oldest }) => open > 0 ? ns(oldest) : "", spare: 3 },
  { head: "p50", cell: (site) => quantileOf(site, 0.5), spare: 5 },
  { head: "p90", cell: (site) => quantileOf(site, 0.9), spare: 7 },
  { head: "p99", cell: (site) => quantileOf(site, 0.99), spare: 4 },
  { head: "longest", cell: ({ max }) => ns(max), spare: 1 },
  { head: "gave up", cell: ({ gaveUp }) => gaveUp > 0 ? formatCount(gaveUp) : "", spare: 6 },
  { head: "class", cell: (site) => site.class, text: true },
  { head: "lock", cell: ({ address }) => printable(address), text: true, spare: 8 },
  { head: "process", cell: ({ process }) => printable(process), text: true, spare: 2 },
];
/** These are there where a wait did not end. */
const OPEN_HEADS: readonly string[] = ["open", "oldest"];

/**
 * Returns a row for each function that waited, outside of the C library and the runtime, and each lock that it waited
 * for, the longest delay first; then their total, and what of idle threads is left out. "" where nobody waited. Lines
 * are at most `width` columns wide.
 */
export function lockTable(profile: Profile, options: LockTableOptions = {}): string {
  const { idle = false, limit = 10, width = 100, colors = false } = options;
  const all = lockSites(profile);
  const sites = all.filter((site) => idle || !site.idle);
  const hidden = sumOfSites(all.filter((site) => !idle && site.idle));
  const note = hidden.delay > 0
    ? `idle hidden: ${ns(hidden.delay)} of ${formatCount(hidden.waits)} waits\n`
    : "";
  if (sites.length === 0) return note;
  const whole = sumOfSites(sites);
  // One row too many is shown rather than summed alone.
  const shown = sites.length > limit + 1 ? sites.slice(0, limit) : sites;
  const rest = sites.slice(shown.length);
  const rows: { readonly site: LockSite; readonly waiter: string; readonly holders: string }[] = [
    ...shown.map((site) => ({ site, waiter: printable(site.function), holders: holdersText(site) })),
    ...rest.length > 0
      ? [{ site: sumOfSites(rest), waiter: `${formatCount(rest.length)} other sites`, holders: "" }]
      : [],
    { site: whole, waiter: "total", holders: "" },
  ];
  const columns = COLUMNS.filter(({ head }) => whole.open > 0 || !OPEN_HEADS.includes(head));
  const fitted = fitColumns(columns, rows.map(({ site }) => site), { width, beside: NAMES_WIDTH });
  const room = Math.max(width - fitted.width, 20);
  const longest = Math.max(...rows.map(({ waiter }) => columnsOf(waiter)), 10);
  const waiterWidth = Math.min(longest, Number.isFinite(room) ? Math.floor(room / 2) - 2 : longest);
  const line = (cells: string, waiter: string, holders: string) => {
    const name = cutMiddle(waiter, waiterWidth);
    const by = holders === "" ? "" : " ".repeat(waiterWidth - columnsOf(name)) +
      ` ← ${cutMiddle(holders, room - waiterWidth - 3)}`;
    return cells + name + by;
  };
  const lines = rows.map(({ site, waiter, holders }, i) => {
    const text = line(fitted.line(site), waiter, holders);
    if (!colors) return text;
    if (i >= shown.length) return dim(text);
    const amount = text.slice(0, fitted.first);
    return paint(whole.delay > 0 ? site.delay / whole.delay : 0)(amount) + text.slice(fitted.first);
  });
  const head = line(fitted.head, "who waited", "for whom");
  return [colors ? bold(head) : head, ...lines].join("\n") + `\n${note}`;
}

function ns(amount: number): string {
  return formatAmount(Math.round(amount), "nanoseconds");
}

function quantileOf({ histogram, max }: LockSite, q: number): string {
  return histogram.length === 0 ? "" : ns(Math.min(quantile(histogram, q), max));
}

function paint(share: number): (text: string) => string {
  return share >= 0.3 ? red : share >= 0.1 ? yellow : (text) => text;
}

function holdersText({ holders, delay, isHeld }: LockSite): string {
  if (holders.length === 0) return "nobody";
  const named = holders.slice(0, HOLDERS).map((holder) => {
    const share = delay > 0 && holders.length > 1 ? ` ${formatPercent(holder.delay / delay)}` : "";
    return holderText(holder) + share;
  });
  const text = named.join(", ") + (holders.length > HOLDERS ? ", …" : "");
  return isHeld || !holders.some((holder) => holder.function !== "") ? text : `woken by ${text}`;
}

/** A holder without a stack is known by its thread alone. */
function holderText({ function: name, thread }: SiteHolder): string {
  if (name !== "") return printable(name);
  return thread === "" ? "not seen" : `thread ${printable(thread)}`;
}
