// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the card of a view whose threads may have nothing to do: its title, sums, and whether idle waiting is in them.
 *
 * @module
 */

import type { App } from "./app.ts";
import { choice, h } from "./dom.ts";

export interface WaitsCardOptions {
  readonly title: string;
  /** Asks what is chosen. */
  readonly which: string;
  /** Is the choice that includes what waits with nothing to do. */
  readonly all: string;
}

/** Is a card with a head; what it is of is appended to its root. */
export class WaitsCard {
  readonly root: HTMLElement;
  readonly #sums = h("span", { class: "quiet" });
  readonly #which;

  constructor(app: App, { title, which, all }: WaitsCardOptions) {
    this.#which = choice(which, [["work", "Work only"], ["all", all]], (chosen) => {
      app.store.set({ idle: chosen === "all" });
    });
    const grow = h("span", { class: "grow" });
    const head = h("div", { class: "row" }, h("h2", {}, title), this.#sums, grow, this.#which.root);
    this.root = h("section", { class: "card", "aria-label": title }, head);
  }

  /** Shows what is chosen. */
  choose(idle: boolean): void {
    this.#which.show(idle ? "all" : "work");
  }

  /** Says sums beside the title; what is false is left out. */
  say(...sums: readonly (string | false)[]): void {
    this.#sums.textContent = sums.filter(Boolean).join(" · ");
  }
}
