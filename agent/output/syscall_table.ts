// SPDX-License-Identifier: Apache-2.0
/**
 * System calls as a table for the terminal, as `strace -c` has it, with latencies.
 *
 * @module
 */

import { bold, dim, red } from "@std/fmt/colors";
import { quantile } from "../../profile/histogram.ts";
import { isIdleCategory } from "../../profile/idle.ts";
import type { Profile } from "../../profile/model.ts";
import { CallSums, syscallAt } from "../../profile/syscalls.ts";
import { formatAmount, formatCount, formatPercent } from "./amount.ts";
import { type Column, fitColumns } from "./columns.ts";
import { cutMiddle } from "./fit.js";
import { printable } from "./top_table.ts";

export interface SyscallTableOptions {
  /** This many calls have a row; the others are summed in one. @default {all} */
  readonly limit?: number;
  /** Columns of the terminal. @default {100} */
  readonly width?: number;
  /** @default {false} */
  readonly colors?: boolean;
  /** Includes calls that wait by purpose. @default {false} */
  readonly idle?: boolean;
}

/** The names have so many columns at least; what can be done without goes before. */
const NAMES_WIDTH = 24;

/** Is a row, and the sum of all that its share is of. */
interface Row {
  readonly call: string;
  readonly sums: CallSums;
  readonly whole: CallSums;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    head: "% time",
    cell: ({ sums, whole }) => formatPercent(whole.total > 0 ? sums.total / whole.total : 0),
  },
  { head: "total", cell: ({ sums }) => time(sums.total) },
  { head: "calls", cell: ({ sums }) => formatCount(sums.count) },
  { head: "errors", cell: ({ sums }) => errorsOf(sums), spare: 4 },
  { head: "p50", cell: ({ sums }) => quantileOf(sums, 0.5), spare: 5 },
  { head: "p90", cell: ({ sums }) => quantileOf(sums, 0.9), spare: 6 },
  { head: "p99", cell: ({ sums }) => quantileOf(sums, 0.99), spare: 3 },
  { head: "max", cell: ({ sums }) => sums.count > 0 ? time(sums.max) : "", spare: 1 },
  { head: "open", cell: ({ sums }) => sums.open > 0 ? formatCount(sums.open) : "" },
  { head: "oldest", cell: ({ sums }) => sums.open > 0 ? time(sums.oldest) : "", spare: 2 },
];
/** These are there where a call did not end. */
const OPEN_HEADS: readonly string[] = ["open", "oldest"];

/**
 * Returns a row for each call, those of all processes summed, the longest total first; then their total, and what is
 * left out of calls that wait by purpose. "" of no calls. Lines are at most `width` columns wide.
 *
 * Quantiles are those of the log2 histogram: right to within a factor of two, and never beyond the maximum.
 */
export function syscallTable(
  profile: Profile,
  { limit = Infinity, width = 100, colors = false, idle = false }: SyscallTableOptions = {},
): string {
  const sums = sumByCall(profile, (category) => idle || !isIdleCategory(category));
  const hidden = idle ? [] : sumByCall(profile, isIdleCategory).map(([, row]) => row);
  const note = hidden.length > 0 ? `${hiddenText(sumOf(hidden))}\n` : "";
  if (sums.length === 0) return note;
  const whole = sumOf(sums.map(([, row]) => row));
  // One row too many is shown rather than summed alone.
  const shown = sums.length > limit + 1 ? sums.slice(0, limit) : sums;
  const rest = sums.slice(shown.length);
  const rows: Row[] = shown.map(([call, sums]) => ({ call, sums, whole }));
  if (rest.length > 0) {
    rows.push({ call: `${rest.length} other calls`, sums: sumOf(rest.map(([, row]) => row)), whole });
  }
  rows.push({ call: "total", sums: whole, whole });
  const columns = COLUMNS.filter(({ head }) => whole.open > 0 || !OPEN_HEADS.includes(head));
  const fitted = fitColumns(columns, rows, { width, beside: NAMES_WIDTH });
  const room = Math.max(width - fitted.width, 16);
  const lines = rows.map((row, i) => {
    const text = fitted.line(row) + cutMiddle(printable(row.call), room);
    if (!colors) return text;
    const share = i < shown.length ? row.sums.total / whole.total : 0;
    return share >= 0.1 ? red(text) : i >= shown.length ? dim(text) : text;
  });
  const head = fitted.head + "call";
  return [colors ? bold(head) : head, ...lines].join("\n") + `\n${note}`;
}

function hiddenText({ total, count, open }: CallSums): string {
  const calls = formatCount(count + open);
  return `idle hidden: ${time(total)} of ${calls} calls`;
}

function sumByCall(
  profile: Profile,
  isWanted: (category: string) => boolean,
): [call: string, sums: CallSums][] {
  const byCall = new Map<string, CallSums>();
  for (let row = 0; row < profile.syscalls.call.length; row++) {
    const syscall = syscallAt(profile, row);
    if (!isWanted(syscall.category)) continue;
    let sums = byCall.get(syscall.call);
    if (!sums) byCall.set(syscall.call, sums = new CallSums());
    sums.add(syscall);
  }
  return [...byCall].sort(([a, one], [b, other]) => {
    return other.total - one.total || other.count - one.count || (a < b ? -1 : 1);
  });
}

function sumOf(rows: readonly CallSums[]): CallSums {
  const sum = new CallSums();
  for (const row of rows) sum.add(row);
  return sum;
}

function time(ns: number): string {
  return formatAmount(Math.round(ns), "nanoseconds");
}

function quantileOf({ count, histogram, min, max }: CallSums, q: number): string {
  return count > 0 ? time(Math.min(Math.max(quantile(histogram, q), min), max)) : "";
}

function errorsOf({ errors }: CallSums): string {
  const failed = errors.values().reduce((sum, count) => sum + count, 0);
  return failed > 0 ? formatCount(failed) : "";
}
