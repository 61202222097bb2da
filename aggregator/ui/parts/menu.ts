// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows a menu at a point: of a box, of a button.
 *
 * @module
 */

import { h } from "./dom.ts";

/** Is one line; a string is a line between groups, with a title. */
export type MenuItem = string | {
  readonly text: string;
  readonly key?: string;
  readonly run: () => void;
};

let open: HTMLElement | undefined;

/** Opens a menu, and closes the one that is open. It closes when something was chosen, or Escape is pressed. */
export function openMenu(at: { readonly x: number; readonly y: number }, items: readonly MenuItem[]): void {
  closeMenu();
  const before = document.activeElement;
  const back = () => {
    closeMenu();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  };
  const menu = open = h(
    "div",
    { class: "menu", role: "menu", tabindex: -1 },
    ...items.map((item) =>
      typeof item === "string" ? h("p", { class: "group", role: "presentation" }, item) : h(
        "button",
        {
          role: "menuitem",
          tabindex: -1,
          onclick: () => {
            back();
            item.run();
          },
        },
        h("span", {}, item.text),
        item.key !== undefined && h("kbd", {}, item.key),
      )
    ),
  );
  const buttons = [...menu.querySelectorAll("button")];
  menu.addEventListener("keydown", (event) => {
    const now = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === "Escape") back();
    else if (event.key === "ArrowDown") buttons[(now + 1) % buttons.length]!.focus();
    else if (event.key === "ArrowUp") buttons.at(now - 1)!.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  document.body.append(menu);
  menu.style.left = `${Math.max(4, Math.min(at.x, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(4, Math.min(at.y, innerHeight - menu.offsetHeight - 8))}px`;
  buttons[0]?.focus({ preventScroll: true });
}

/** Makes the button that opens the menu of what is saved as files; without any there is no menu. */
export function exportButton(files: () => readonly MenuItem[]): HTMLButtonElement {
  const button = h("button", {
    "aria-haspopup": "menu",
    onclick: () => {
      const { left, bottom } = button.getBoundingClientRect();
      const items = files();
      if (items.length > 0) openMenu({ x: left, y: bottom + 4 }, items);
    },
  }, "Export ▾");
  return button;
}

export function closeMenu(): void {
  open?.remove();
  open = undefined;
}

addEventListener("pointerdown", (event) => {
  if (open && event.target instanceof Node && !open.contains(event.target)) closeMenu();
});
