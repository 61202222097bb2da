// SPDX-License-Identifier: Apache-2.0
/**
 * Writes tables for spreadsheets, as RFC 4180 has them.
 *
 * @module
 */

import { csvCell } from "../../../profile/formats/csv.ts";

export type CsvCell = string | number;

/** Returns a line for each row. */
export function csvText(rows: readonly (readonly CsvCell[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}
