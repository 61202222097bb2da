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
import { columnsOf, cutMiddle } from "./fit.js";

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

const HEAD = ["% time", "total", "calls", "errors", "p50", "p99", "max"];
/** These are there where a call did not end. */
const OPEN_HEAD = ["open", "oldest"];
const GAP = "  ";

/**
 * Returns a row for each call, those of all processes summed, the longest total first; then their total, and what is
 * left out of calls that wait by purpose. "" of no calls.
 *
 * Quantiles are those of the log2 histogram: right to within a factor of two, and never beyond the maximum. Names are
 * cut to the width, numbers are not.
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
  const cells = (call: string, row: CallSums) => cellsOf(call, row, { whole, open: whole.open > 0 });
  const rows = shown.map(([call, row]) => cells(call, row));
  if (rest.length > 0) rows.push(cells(`${rest.length} other calls`, sumOf(rest.map(([, row]) => row))));
  rows.push(cells("total", whole));
  const heads = [...HEAD, ...whole.open > 0 ? OPEN_HEAD : [], "call"];
  const widths = heads.map((head, column) =>
    Math.max(...[heads, ...rows].map((row) => columnsOf(row[column]!)), head.length)
  );
  const room = Math.max(width - widths.slice(0, -1).reduce((sum, of) => sum + of + GAP.length, 0), 16);
  const line = (cells: readonly string[]) => {
    const numbers = cells.slice(0, -1).map((cell, column) => {
      return " ".repeat(widths[column]! - columnsOf(cell)) + cell;
    });
    return [...numbers, cutMiddle(cells.at(-1)!, room)].join(GAP);
  };
  const lines = rows.map((cells, i) => {
    if (!colors) return line(cells);
    const share = (shown[i]?.[1].total ?? 0) / whole.total;
    return share >= 0.1 ? red(line(cells)) : i >= shown.length ? dim(line(cells)) : line(cells);
  });
  const head = line(heads);
  return [colors ? bold(head) : head, ...lines].join("\n") + `\n${note}`;
}

function hiddenText({ total, count, open }: CallSums): string {
  const calls = formatCount(count + open);
  return `idle hidden: ${formatAmount(Math.round(total), "nanoseconds")} of ${calls} calls`;
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

function cellsOf(
  call: string,
  row: CallSums,
  { whole, open }: { readonly whole: CallSums; readonly open: boolean },
): string[] {
  const time = (ns: number) => formatAmount(Math.round(ns), "nanoseconds");
  const at = (q: number) => {
    return row.count > 0 ? time(Math.min(Math.max(quantile(row.histogram, q), row.min), row.max)) : "";
  };
  const failed = row.errors.values().reduce((sum, count) => sum + count, 0);
  return [
    formatPercent(whole.total > 0 ? row.total / whole.total : 0),
    time(row.total),
    formatCount(row.count),
    failed > 0 ? formatCount(failed) : "",
    at(0.5),
    at(0.99),
    row.count > 0 ? time(row.max) : "",
    ...open ? [row.open > 0 ? formatCount(row.open) : "", row.open > 0 ? time(row.oldest) : ""] : [],
    call,
  ];
}
