// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view of what others measured and pushed: heaps, goroutines, wall time, exceptions, each a kind of its own.
 *
 * @module
 */

import { GraphPane } from "../graph/graph_pane.ts";
import type { App, View } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import { KindSelect } from "../parts/kind_select.ts";
import type { Shown } from "../state/store.ts";
import { isWithoutType, kindOf } from "../state/url_state.ts";

export class ProfilesView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #kinds: KindSelect;
  readonly #graph: GraphPane;
  readonly #bar: HTMLElement;
  readonly #none: HTMLElement;

  constructor(app: App) {
    this.#app = app;
    this.#graph = new GraphPane(app, "Profile");
    this.#kinds = new KindSelect(app, {
      withOwn: false,
      ontypes: ([first]) => {
        if (!isWithoutType(app.store.state)) return;
        this.#none.hidden = first !== undefined;
        // The address says what is shown, and the way back leads to the view before.
        if (first !== undefined) app.store.set({ kind: first }, { entry: "same" });
      },
    });
    this.#none = h(
      "section",
      { class: "card empty-state", hidden: true },
      h("h2", {}, "No profiles were pushed in this time"),
      h(
        "p",
        {},
        "Heaps, goroutines, wall time and exceptions come from SDKs of Pyroscope, from Alloy and from OpenTelemetry's collectors, which push to ",
        h("code", {}, location.origin),
        " as they push to their own servers.",
      ),
    );
    this.#bar = h(
      "section",
      { class: "card row", "aria-label": "Profile type" },
      h("label", {}, "Profile ", this.#kinds.root),
    );
    this.root = h("div", { class: "view profiles" }, this.#bar, this.#none, this.#graph.root);
  }

  update(shown: Shown): void {
    const { state, window } = shown;
    const isOpen = isWithoutType(state);
    this.#graph.root.hidden = this.#bar.hidden = isOpen;
    if (isOpen) this.#graph.stop();
    else {
      this.#none.hidden = true;
      this.#graph.update(state, { kind: kindOf(state), window, match: state.match });
    }
    this.#kinds.update(shown);
  }

  press(key: string): boolean {
    return !isWithoutType(this.#app.store.state) && this.#graph.press(key);
  }

  leave(): void {
    this.#kinds.stop();
    this.#graph.stop();
  }
}
