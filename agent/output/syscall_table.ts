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
  /** With calls that wait by purpose. @default {false} */
  readonly idle?: boolean;
}

const HEAD = ["% time", "total", "calls", "errors", "p50", "p99", "max", "call"];
const GAP = "  ";

/**
 * Returns a row for each call, those of all processes summed, the longest total first; then their total. "" of no
 * calls.
 *
 * Quantiles are those of the log2 histogram: right to within a factor of two, and never beyond the maximum. Names are
 * cut to the width, numbers are not.
 */
export function syscallTable(
  profile: Profile,
  { limit = Infinity, width = 100, colors = false, idle = false }: SyscallTableOptions = {},
): string {
  const sums = sumByCall(profile, idle);
  if (sums.length === 0) return "";
  const whole = sumOf(sums.map(([, row]) => row));
  // One row too many is shown rather than summed alone.
  const shown = sums.length > limit + 1 ? sums.slice(0, limit) : sums;
  const rest = sums.slice(shown.length);
  const rows = shown.map(([call, row]) => cellsOf(call, row, whole));
  if (rest.length > 0) {
    rows.push(cellsOf(`${rest.length} other calls`, sumOf(rest.map(([, row]) => row)), whole));
  }
  rows.push(cellsOf("total", whole, whole));
  const widths = HEAD.map((head, column) =>
    Math.max(...[HEAD, ...rows].map((row) => columnsOf(row[column]!)), head.length)
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
  const head = line(HEAD);
  return [colors ? bold(head) : head, ...lines].join("\n") + "\n";
}

function sumByCall(profile: Profile, idle: boolean): [call: string, sums: CallSums][] {
  const byCall = new Map<string, CallSums>();
  for (let row = 0; row < profile.syscalls.call.length; row++) {
    const syscall = syscallAt(profile, row);
    if (!idle && isIdleCategory(syscall.category)) continue;
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

function cellsOf(call: string, row: CallSums, whole: CallSums): string[] {
  const time = (ns: number) => formatAmount(Math.round(ns), "nanoseconds");
  const at = (q: number) => time(Math.min(Math.max(quantile(row.histogram, q), row.min), row.max));
  const failed = row.errors.values().reduce((sum, count) => sum + count, 0);
  return [
    formatPercent(whole.total > 0 ? row.total / whole.total : 0),
    time(row.total),
    formatCount(row.count),
    failed > 0 ? formatCount(failed) : "",
    at(0.5),
    at(0.99),
    time(row.max),
    call,
  ];
}
