// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says what of a graph is shown, with the way back from a zoom; and why it is empty.
 *
 * @module
 */

import type { App } from "../parts/app.ts";
import { Changes } from "../parts/changes.ts";
import { h } from "../parts/dom.ts";

/** Is a line above the graph, always there: what comes and goes would move the graph under the pointer that zooms. */
export class Crumbs {
  readonly root = h("nav", { class: "crumbs", "aria-label": "Zoom" });
  readonly #app: App;
  readonly #changes = new Changes();

  constructor(app: App) {
    this.#app = app;
  }

  /** Shows the box that is zoomed to, where that is not the whole. */
  show({ isWhole, name, label, share, cut }: {
    readonly isWhole: boolean;
    readonly name: string;
    readonly label: string;
    readonly share: string;
    /** Is the share of the whole that was cut, "" for none: neither kinds of code nor the table have it. */
    readonly cut: string;
  }): void {
    if (!this.#changes.of(isWhole, name, label, share, cut)) return;
    const whole = "Whole graph";
    this.root.replaceChildren(
      isWhole
        ? h("span", { "aria-current": "true" }, whole)
        : h("button", { class: "plain", onclick: () => this.#app.store.set({ zoom: "" }) }, whole),
      isWhole ? "" : h("span", { "aria-current": "true", title: name }, ` › ${label}`),
      h(
        "span",
        { class: "quiet" },
        ` ${share} of the selection${cut && `, ${cut} of all is too thin to be loaded`}`,
      ),
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

  /** @param isHidden says that there is something, of which steps have taken all away */
  show(isEmpty: boolean, isHidden: boolean): void {
    const { store } = this.#app;
    this.root.hidden = !isEmpty;
    this.root.replaceChildren(
      h(
        "h2",
        {},
        isHidden
          ? "All of it is hidden"
          : `Nothing in this time${store.state.match && " passes the filters"}`,
      ),
      isHidden
        ? h("button", { onclick: () => store.set({ steps: [], zoom: "" }) }, "Take all steps off")
        : "",
    );
  }
}
