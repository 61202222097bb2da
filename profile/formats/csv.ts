// SPDX-License-Identifier: Apache-2.0
/**
 * Writes cells of tables as RFC 4180 has them.
 *
 * @module
 */

/**
 * Returns a cell: a text is in quotes where it has what would end one. What a spreadsheet would take for a formula and
 * reckon, as anybody may call a function or a program so, has a `'` before it, which makes it text.
 */
export function csvCell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const cell = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
