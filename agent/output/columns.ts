// SPDX-License-Identifier: Apache-2.0
/**
 * Lays out the columns of a table that stand before names, which take the rest of a line.
 *
 * @module
 */

import { columnsOf, cutMiddle } from "./fit.js";

/** Is a column: what it says of a row, and whether it can be done without. */
export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  /** It is left aligned, else it is right aligned. @default {false} */
  readonly text?: boolean;
  /** Where there is no room, the column of the largest goes first; those without one stay. */
  readonly spare?: number;
}

/** Is what is between two columns. */
export const GAP = "  ";
/** In a terminal a cell is cut to so many columns: no number of a real profile is as wide. */
const MAX_WIDTH = 20;

/** Is a table's columns as there is room for them. */
export interface Fitted<Row> {
  /** Returns the cells of a row, each as wide as its column, with the gaps between them and behind the last. */
  line(row: Row): string;
  /** Is the same of the heads. */
  readonly head: string;
  /** Is how wide these are. */
  readonly width: number;
  /** Is how wide the first of them is, without the gap behind it. */
  readonly first: number;
}

/** Leaves out columns until there is room for names of `beside` columns in lines of `width`. */
export function fitColumns<Row>(
  all: readonly Column<Row>[],
  rows: readonly Row[],
  { width, beside }: { readonly width: number; readonly beside: number },
): Fitted<Row> {
  const most = Number.isFinite(width) ? MAX_WIDTH : Infinity;
  let columns = all;
  for (;;) {
    const widths = columns.map(({ head, cell }) => {
      return Math.max(columnsOf(head), ...rows.map((row) => Math.min(columnsOf(cell(row)), most)));
    });
    const whole = widths.reduce((sum, each) => sum + each + GAP.length, 0);
    const spare = Math.max(0, ...columns.map(({ spare = 0 }) => spare));
    if (spare === 0 || width - whole >= beside) {
      const line = (cells: readonly string[]) =>
        cells.map((cell, i) => {
          const shown = cutMiddle(cell, most);
          const pad = " ".repeat(widths[i]! - columnsOf(shown));
          return (columns[i]!.text ? shown + pad : pad + shown) + GAP;
        }).join("");
      return {
        line: (row) => line(columns.map(({ cell }) => cell(row))),
        head: line(columns.map(({ head }) => head)),
        width: whole,
        first: widths[0] ?? 0,
      };
    }
    columns = columns.filter((column) => column.spare !== spare);
  }
}
