// SPDX-License-Identifier: Apache-2.0
/**
 * Shows rows: as a table that fits a terminal, whole in a pipe, and as CSV or TSV with exact values.
 *
 * @module
 */

import { bold, dim } from "@std/fmt/colors";
import { columnsOf, cutMiddle } from "../../agent/output/fit.js";
import { printable } from "../../agent/output/top_table.ts";
import { csvCell } from "../../profile/formats/csv.ts";

/** Is one column: what people see of it, what programs get, or both. */
export interface Column<R> {
  /** Stands over it in tables, in capitals; left out where only programs get it. */
  readonly head?: string;
  /** Returns what people see in a row. */
  readonly cell?: (row: R) => string;
  /** Text is at the left, numbers at the right. @default {false} */
  readonly text?: boolean;
  /** It may be cut to so many columns. @default it is never cut */
  readonly least?: number;
  /** Where there is no room, the column of the largest goes first. @default it stays */
  readonly spare?: number;
  /** Is its name for programs; left out where only people see it. */
  readonly key?: string;
  readonly value?: (row: R) => string | number;
}

export interface Sheet<R> {
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
}

export interface TableOptions {
  /** Columns of the terminal; Infinity leaves all whole. */
  readonly width: number;
  readonly colors: boolean;
}

/** Is a table, and the heads of columns that it has no room for. */
export interface Table {
  readonly text: string;
  readonly left: readonly string[];
}

const GAP = "  ";

/** Returns the rows below their heads; lines are at most `width` columns wide, where the least widths allow. */
export function table<R>({ columns, rows }: Sheet<R>, { width, colors }: TableOptions): Table {
  const all = columns.filter(({ head, cell }) => head !== undefined && cell !== undefined);
  const cells = new Map(all.map((column) => [column, rows.map((row) => printable(column.cell!(row)))]));
  const natural = (column: Column<R>) =>
    Math.max(columnsOf(column.head!), ...cells.get(column)!.map(columnsOf));
  const least = (column: Column<R>) => Math.min(natural(column), column.least ?? Infinity);
  let shown = all;
  const room = () => width - (shown.length - 1) * GAP.length;
  while (shown.reduce((sum, column) => sum + least(column), 0) > room()) {
    const spare = Math.max(...shown.map(({ spare = 0 }) => spare));
    if (spare === 0) break;
    shown = shown.filter((column) => column.spare !== spare);
  }
  const widths = share(shown.map((column) => ({ natural: natural(column), least: least(column) })), room());
  const line = (texts: readonly string[]) =>
    texts.map((text, i) => {
      const fitted = cutMiddle(text, widths[i]!);
      const pad = " ".repeat(widths[i]! - columnsOf(fitted));
      return shown[i]!.text ? fitted + pad : pad + fitted;
    }).join(GAP).trimEnd();
  const head = line(shown.map(({ head }) => head!));
  const lines = rows.map((_, i) => line(shown.map((column) => cells.get(column)![i]!)));
  return {
    text: [colors ? bold(head) : head, ...lines].join("\n") + "\n",
    left: all.filter((column) => !shown.includes(column)).map(({ head }) => head!),
  };
}

/** Gives each column what it wants; where there is no room, the widest of those that can be cut give way first. */
function share(columns: readonly { natural: number; least: number }[], room: number): number[] {
  const widths = columns.map(({ natural }) => natural);
  for (let over = widths.reduce((a, b) => a + b, 0) - room; over > 0;) {
    const free = widths.map((width, i) => width > columns[i]!.least ? width : 0);
    const widest = Math.max(...free);
    if (widest === 0) break;
    const at = free.indexOf(widest);
    const next = Math.max(...free.filter((_, i) => i !== at), columns[at]!.least);
    const step = Math.min(over, Math.max(1, widest - next), widest - columns[at]!.least);
    widths[at]! -= step;
    over -= step;
  }
  return widths;
}

/** Returns the columns for programs, with `separator` between them and their names on top. */
export function separated<R>({ columns, rows }: Sheet<R>, separator: "," | "\t"): string {
  const known = columns.filter(({ key }) => key !== undefined);
  const escape = separator === "," ? csvCell : tsvCell;
  const lines = rows.map((row) => known.map(({ value }) => escape(value!(row))));
  return [known.map(({ key }) => key!), ...lines].map((line) => `${line.join(separator)}\n`).join("");
}

/** The format has no escapes: what would end a cell is a space. */
function tsvCell(value: string | number): string {
  return String(value).replaceAll(/[\t\r\n]/g, " ");
}

/** Dims a line for people, where colours are shown. */
export function faint(text: string, colors: boolean): string {
  return colors ? dim(text) : text;
}
