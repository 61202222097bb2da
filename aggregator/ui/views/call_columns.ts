// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Makes the columns of system calls.
 *
 * @module
 */

import type { SyscallsJson } from "../../http/answers.ts";
import { h } from "../parts/dom.ts";
import { formatCount, formatNs, formatNumber, formatShare } from "../parts/format.ts";
import { bars } from "../parts/histogram.ts";
import type { Column } from "../parts/table.ts";
import { openColumn, quantileColumns, shareColumn } from "../parts/wait_columns.ts";

export type Row = SyscallsJson["rows"][number];

/**
 * Makes the columns.
 *
 * @param total is how long all calls took, in ns
 * @param title heads the column of what `name` returns
 */
export function callColumns(total: () => number, title: string, name: (row: Row) => string): Column<Row>[] {
  return [
    shareColumn("Time", (row) => row.total.value, total),
    {
      title,
      value: name,
      cell: (row) => h("span", { class: "name", title: row.group[0] ?? row.category }, name(row)),
    },
    { title: "Calls/s", number: true, value: (row) => row.rate, cell: (row) => formatNumber(row.rate) },
    ...quantileColumns<Row>(),
    {
      title: "p99 × calls",
      hint: "What the slowest hundredth would be worth if all were as slow: what to look at first",
      number: true,
      minor: true,
      value: (row) => row.p99 * row.total.count,
      cell: (row) => formatNs(row.p99 * row.total.count),
    },
    openColumn("Goes on"),
    {
      title: "Failed",
      number: true,
      value: (row) => row.failed,
      cell: (row) =>
        h(
          "span",
          {
            title: Object.entries(row.errors).map(([error, count]) => `${error} ${formatCount(count)}`).join(
              "\n",
            ),
          },
          row.failed > 0
            ? `${Object.keys(row.errors)[0] ?? ""} ${formatShare(row.failed, row.total.count)}`
            : "",
        ),
    },
    {
      title: "Durations",
      hint: "From 256 ns to 18 min, each bar is twice as long as the one before",
      minor: true,
      value: (row) => row.p50,
      cell: (row) => bars(row.histogram),
    },
  ];
}
