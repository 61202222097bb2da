// SPDX-License-Identifier: Apache-2.0
/**
 * Has the columns of trees.
 *
 * @module
 */

import { part } from "../show/figures.ts";
import type { Column } from "../show/sheet.ts";
import type { TreeLine } from "./tree.ts";

/** Returns the columns of a tree's lines; `whole` is what shares are of. */
export function treeColumns(whole: number, amount: (value: number) => string): Column<TreeLine>[] {
  return [
    { head: "TOTAL", cell: ({ value }) => part(value, whole) },
    { head: "AMOUNT", cell: ({ value }) => amount(value), spare: 1 },
    {
      head: "FUNCTION",
      cell: ({ text }) => text,
      text: true,
      least: 20,
      key: "function",
      value: ({ text }) => text,
    },
    { key: "value", value: ({ value }) => value },
  ];
}
