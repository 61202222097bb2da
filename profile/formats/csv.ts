// SPDX-License-Identifier: Apache-2.0
/**
 * Writes cells of tables as RFC 4180 has them.
 *
 * @module
 */

/**
 * Returns a cell of `text`, in quotes where it has what would end one. What a spreadsheet would take for a formula and
 * reckon, as anybody may call a function or a program so, has a `'` before it, which makes it text.
 */
export function csvCell(text: string): string {
  const cell = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
