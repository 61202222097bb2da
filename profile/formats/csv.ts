// SPDX-License-Identifier: Apache-2.0
/**
 * Writes cells of tables as RFC 4180 has them.
 *
 * @module
 */

/** Returns a cell of `text`, in quotes where it has what would end one. */
export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
