// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view of CPU time: where it goes, by process, thread and function.
 *
 * @module
 */

import { GraphPane } from "../graph/graph_pane.ts";
import type { App, View } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import type { Shown } from "../state/store.ts";

export class CpuView implements View {
  readonly root: HTMLElement;
  readonly #graph: GraphPane;

  constructor(app: App) {
    this.#graph = new GraphPane(app, "CPU time");
    this.root = h("div", { class: "view cpu" }, this.#graph.root);
  }

  update({ state, window }: Shown): void {
    this.#graph.update(state, { kind: "cpu", window, match: state.match });
  }

  press(key: string): boolean {
    return this.#graph.press(key);
  }

  leave(): void {
    this.#graph.stop();
  }
}
