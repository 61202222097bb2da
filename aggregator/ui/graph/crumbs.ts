// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says what a graph is zoomed to, with the way back; and why it is empty.
 *
 * @module
 */

import type { App } from "../parts/app.ts";
import { h } from "../parts/dom.ts";

/** Is a line above the graph, which is hidden where the whole is shown. */
export class Crumbs {
  readonly root = h("nav", { class: "crumbs", "aria-label": "Zoom", hidden: true });
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  /** Shows the box that is zoomed to; `undefined` for the whole. */
  show(box: { readonly name: string; readonly label: string; readonly share: string } | undefined): void {
    this.root.hidden = box === undefined;
    if (!box) return;
    this.root.replaceChildren(
      h("button", { class: "plain", onclick: () => this.#app.store.set({ zoom: "" }) }, "Whole graph"),
      h("span", { "aria-current": "true", title: box.name }, ` › ${box.label}`),
      h("span", { class: "quiet" }, ` ${box.share} of the selection`),
    );
  }
}

/** Stands where a graph has no boxes. */
export class EmptyGraph {
  readonly root = h("div", { class: "empty", hidden: true });
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  /** @param why `filtered` where nothing passes the filters, `hidden` where all was taken away by steps */
  show(why: "filtered" | "hidden" | undefined): void {
    this.root.hidden = why === undefined;
    if (why === "filtered") {
      this.root.replaceChildren(h("h2", {}, "Nothing in this time passes the filters"));
    } else if (why === "hidden") {
      const { store } = this.#app;
      this.root.replaceChildren(
        h("h2", {}, "All of it is hidden"),
        h("button", { onclick: () => store.set({ steps: [], zoom: "" }) }, "Take all steps off"),
      );
    }
  }
}
