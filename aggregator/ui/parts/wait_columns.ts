// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Makes the columns that waits for locks and system calls have in common.
 *
 * @module
 */

import { h } from "./dom.ts";
import { formatCount, formatNs, formatShare } from "./format.ts";
import type { Column } from "./table.ts";

/** Has what is common; times in ns. */
export interface Waited {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Makes a column of times; where none was measured it is empty. */
export function timeColumn<R>(title: string, value: (row: R) => number, hint?: string): Column<R> {
  return {
    title,
    ...(hint !== undefined && { hint }),
    number: true,
    value,
    cell: (row) => value(row) > 0 ? formatNs(value(row)) : "",
  };
}

/** Makes a column of times with a bar for their share of `total`. */
export function shareColumn<R>(
  title: string,
  value: (row: R) => number,
  total: () => number,
): Column<R> {
  return {
    title,
    number: true,
    value,
    cell: (row) => h("span", { title: formatShare(value(row), total()) }, formatNs(value(row))),
    bar: (row) => value(row) / total(),
  };
}

/** Makes the columns of the quantiles and the longest; on a small screen only the 99th is left. */
export function quantileColumns<R extends Waited>(): Column<R>[] {
  return [
    { ...timeColumn<R>("p50", (row) => row.p50, "Half took at most so long"), minor: true },
    { ...timeColumn<R>("p90", (row) => row.p90, "Nine of ten took at most so long"), minor: true },
    timeColumn<R>("p99", (row) => row.p99, "All but the slowest hundredth took at most so long"),
    { ...timeColumn<R>("Longest", (row) => row.max), minor: true },
  ];
}

/** Makes the column of what went on at the end of the time; it sorts by the oldest. */
export function openColumn<R extends { readonly open: number; readonly oldest: number }>(
  title: string,
): Column<R> {
  return {
    title,
    hint: "How many went on at the end of the time, and since when the oldest did",
    number: true,
    value: (row) => row.oldest,
    cell: (row) => openText(row),
  };
}

/** Returns how many are open and since when: `3 · 1.20 s`; "" for none. */
export function openText({ open, oldest }: { readonly open: number; readonly oldest: number }): string {
  return open > 0 ? `${formatCount(open)} · ${formatNs(oldest)}` : "";
}
