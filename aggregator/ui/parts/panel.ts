// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows details of what is looked at, at once and always in one place: beside the graph, or below it on a small screen.
 *
 * @module
 */

import { type Child, h } from "./dom.ts";

/** Is one thing that is looked at. */
export interface Details {
  readonly title: string;
  readonly subtitle: string;
  readonly facts: readonly (readonly [name: string, value: string, hint?: string])[];
  readonly lists: readonly {
    readonly title: string;
    readonly rows: readonly { readonly text: string; readonly value: string; readonly run?: () => void }[];
  }[];
  readonly actions: readonly { readonly text: string; readonly run: () => void; readonly hint?: string }[];
  /** Is put below all others. */
  readonly more?: Child;
}

/** Shows one thing at a time. */
export class Panel {
  readonly root = h("aside", { class: "panel", "aria-label": "Details" });
  readonly #hint = h(
    "p",
    { class: "quiet" },
    "Point at a box, or walk there with the arrows: what it is stands here. A click zooms, the right button opens the menu.",
  );
  #pinned = false;

  constructor() {
    this.show(undefined);
  }

  /** Shows `details`, or how to see some. */
  show(details: Details | undefined): void {
    this.root.classList.toggle("filled", details !== undefined);
    if (!details) return this.root.replaceChildren(this.#hint);
    const { title, subtitle, facts, lists, actions, more } = details;
    this.root.replaceChildren(
      h(
        "button",
        { class: "close", "aria-label": "Close the details", onclick: () => this.show(undefined) },
        "×",
      ),
      h("h2", { title }, title),
      h("p", { class: "quiet path", title: subtitle }, subtitle),
      h(
        "dl",
        {},
        ...facts.flatMap(([name, value, hint]) => [h("dt", {}, name), h("dd", { title: hint }, value)]),
      ),
      actions.length > 0 && h(
            "div",
            { class: "actions" },
            ...actions.map(({ text, run, hint }) => h("button", { onclick: run, title: hint }, text)),
          ) || "",
      ...lists.filter(({ rows }) => rows.length > 0).flatMap(({ title, rows }) => [
        h("h3", {}, title),
        h(
          "ul",
          {},
          ...rows.map(({ text, value, run }) =>
            h(
              "li",
              {},
              run
                ? h("button", { class: "plain", title: text, onclick: run }, text)
                : h("span", { title: text }, text),
              h("span", { class: "number" }, value),
            )
          ),
        ),
      ]),
      ...(more instanceof Node ? [more] : []),
    );
  }

  /** Says whether what is shown stays while the pointer moves on. */
  get pinned(): boolean {
    return this.#pinned;
  }

  set pinned(pinned: boolean) {
    this.#pinned = pinned;
    this.root.classList.toggle("pinned", pinned);
  }
}
