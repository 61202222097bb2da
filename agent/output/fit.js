// SPDX-License-Identifier: Apache-2.0

// Text in columns of a fixed-width font. Plain JavaScript, as the SVG carries this file to the browser.

/**
 * Counts the columns that `text` takes: East Asian wide characters and emoji take two, combining marks none.
 *
 * @param {string} text
 * @returns {number}
 */
export function columnsOf(text) {
  let columns = 0;
  for (const char of text) columns += columnsOfChar(char);
  return columns;
}

/**
 * Returns the beginning of `text` that fits into `columns`, with "…" where it was cut; "" when three do not fit.
 *
 * @param {string} text
 * @param {number} columns
 * @returns {string}
 */
export function cutEnd(text, columns) {
  if (columns < 3) return "";
  if (text.length <= columns / 2 || columnsOf(text) <= columns) return text;
  return takeColumns(text, columns - 1) + "…";
}

/**
 * Returns `text` with "…" in its middle where it does not fit into `columns`.
 *
 * @param {string} text
 * @param {number} columns
 * @returns {string}
 */
export function cutMiddle(text, columns) {
  if (columnsOf(text) <= columns) return text;
  if (columns < 3) return takeColumns(text, columns);
  const head = takeColumns(text, Math.ceil((columns - 1) / 2));
  const reversed = takeColumns([...text].reverse().join(""), columns - 1 - columnsOf(head));
  return `${head}…${[...reversed].reverse().join("")}`;
}

/**
 * @param {string} text
 * @param {number} columns
 * @returns {string}
 */
function takeColumns(text, columns) {
  let taken = "";
  for (const char of text) {
    columns -= columnsOfChar(char);
    if (columns < 0) break;
    taken += char;
  }
  return taken;
}

/**
 * @param {string} char
 * @returns {number}
 */
function columnsOfChar(char) {
  if (char < "\u0300") return 1;
  if (/\p{Mark}/u.test(char)) return 0;
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]|[\u{20000}-\u{3fffd}]/u
      .test(char)
    ? 2
    : 1;
}
