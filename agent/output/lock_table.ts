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
const GAP = "  ";
/** The names have so many columns at least; what can be done without goes before. */
const NAMES_WIDTH = 40;

/** A column before the names: what it says of a site, and which ones go first where there is no room. */
interface Column {
  readonly head: string;
  readonly cell: (site: LockSite) => string;
  /** Is true when it is left aligned. */
  readonly text?: boolean;
  /** The larger the earlier it goes; those without one stay. */
  readonly spare?: number;
}

const COLUMNS: readonly Column[] = [
  { head: "delay", cell: ({ delay }) => ns(delay) },
  { head: "waits", cell: ({ waits }) => formatCount(waits) },
  { head: "p50", cell: (site) => quantileOf(site, 0.5), spare: 4 },
  { head: "p99", cell: (site) => quantileOf(site, 0.99), spare: 3 },
  { head: "longest", cell: ({ max }) => ns(max), spare: 1 },
  { head: "open", cell: ({ open }) => open > 0 ? formatCount(open) : "" },
  { head: "gave up", cell: ({ gaveUp }) => gaveUp > 0 ? formatCount(gaveUp) : "", spare: 5 },
  { head: "class", cell: (site) => site.class, text: true },
  { head: "process", cell: ({ process }) => printable(process), text: true, spare: 2 },
];

/**
 * Returns a row for each function that waited, outside of the C library and the runtime, the longest delay first; then
 * their total, and what of idle threads is left out. "" where nobody waited. Lines are at most `width` columns wide.
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
  const { columns, widths } = fit(rows.map(({ site }) => site), width);
  const room = Math.max(width - sum(widths) - GAP.length * columns.length, 20);
  const longest = Math.max(...rows.map(({ waiter }) => columnsOf(waiter)), 10);
  const waiterWidth = Math.min(longest, Number.isFinite(room) ? Math.floor(room / 2) - 2 : longest);
  const line = (cells: readonly string[], waiter: string, holders: string) => {
    const numbers = cells.map((cell, i) => {
      const pad = " ".repeat(Math.max(0, widths[i]! - columnsOf(cell)));
      return columns[i]!.text ? cell + pad : pad + cell;
    });
    const name = cutMiddle(waiter, waiterWidth);
    const by = holders === "" ? "" : " ".repeat(waiterWidth - columnsOf(name)) +
      ` ← ${cutMiddle(holders, room - waiterWidth - 3)}`;
    return [...numbers, name + by].join(GAP).trimEnd();
  };
  const lines = rows.map(({ site, waiter, holders }, i) => {
    const text = line(columns.map(({ cell }) => cell(site)), waiter, holders);
    if (!colors) return text;
    if (i >= shown.length) return dim(text);
    return paint(whole.delay > 0 ? site.delay / whole.delay : 0)(text.slice(0, widths[0])) +
      text.slice(widths[0]);
  });
  const head = line(columns.map(({ head }) => head), "who waited", "for whom");
  return [colors ? bold(head) : head, ...lines].join("\n") + `\n${note}`;
}

/** Returns the columns that there is room for beside the names, and how wide they are. */
function fit(sites: readonly LockSite[], width: number): { columns: readonly Column[]; widths: number[] } {
  let columns = COLUMNS;
  for (;;) {
    const widths = columns.map(({ head, cell }) => {
      return Math.max(columnsOf(head), ...sites.map((site) => Math.min(columnsOf(cell(site)), 20)));
    });
    const spare = Math.max(...columns.map(({ spare = 0 }) => spare));
    if (spare === 0 || width - sum(widths) - GAP.length * columns.length >= NAMES_WIDTH) {
      return {
        columns: columns.map((column) => ({ ...column, cell: (site) => cutMiddle(column.cell(site), 20) })),
        widths,
      };
    }
    columns = columns.filter((column) => column.spare !== spare);
  }
}

function sum(widths: readonly number[]): number {
  return widths.reduce((all, width) => all + width, 0);
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
