// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Lists what keys do.
 *
 * @module
 */

import { h } from "./dom.ts";

const KEYS: readonly (readonly [keys: string, text: string])[] = [
  ["1 – 8", "views"],
  ["/", "search; Enter and Shift-Enter walk from hit to hit"],
  ["n N", "next and previous hit"],
  ["[ ]", "earlier, later"],
  ["+ -", "less time, more time"],
  [".", "live"],
  ["f t s", "flame graph, table, sandwich"],
  ["i", "inverted: leaves first"],
  ["r", "collapse recursion"],
  ["arrows", "from box to box, when the graph has the focus"],
  ["Enter", "zoom to the box; in a table, sandwich of the function"],
  ["m", "menu of the box"],
  ["Esc", "zoom out, then take the last step off"],
  ["c", "compare"],
  ["p", "keep the details while the pointer moves on"],
  ["d", "show or hide the details"],
  ["y Y", "copy the address; the stack of the box that was looked at"],
  ["Alt-click", "hide stacks through the function; Shift-click: sandwich"],
  ["Ctrl-wheel", "on the time line: zoom; drag: select; double click: twice as long"],
];

/** Opens the list. */
export function showKeys(): void {
  const dialog = h(
    "dialog",
    { class: "keys", "aria-label": "Keys" },
    h("h2", {}, "Keys"),
    h("dl", {}, ...KEYS.flatMap(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)])),
    h("button", { onclick: () => dialog.close() }, "Close"),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
