// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is what stands above a graph: how it is shown, what was done to it, its legend, and its files.
 *
 * @module
 */

import {
  CODE_ORIGINS,
  type CodeOrigin,
  ORIGIN_NAMES,
  originColor,
  type Theme,
} from "../../../profile/flame_color.ts";
import { Changes } from "../parts/changes.ts";
import { choice, h } from "../parts/dom.ts";
import { exportButton, type MenuItem } from "../parts/menu.ts";
import type { Store } from "../state/store.ts";
import type { State } from "../state/url_state.ts";
import { StepChips } from "./step_chips.ts";

export interface ToolsOptions {
  readonly store: Store;
  /** Lists what can be saved. */
  readonly files: () => readonly MenuItem[];
}

/** Is what a graph says of itself to its tools. */
export interface ToolsShown {
  readonly state: State;
  readonly theme: Theme;
  /** Holds the share of each kind of code in the graph's own time. */
  readonly shares: ReadonlyMap<CodeOrigin, string>;
  /** Says how much a step left out or moved, by its text. */
  readonly amounts: ReadonlyMap<string, string>;
}

/** Draws the tools of one graph. */
export class GraphTools {
  readonly root: HTMLElement;
  readonly #store: Store;
  readonly #mode;
  readonly #steps: StepChips;
  readonly #legend = h("div", { class: "legend", role: "group", "aria-label": "Kinds of code" });
  readonly #up: HTMLButtonElement;
  readonly #inverted: HTMLButtonElement;
  readonly #color: HTMLButtonElement;
  readonly #changes = new Changes();

  constructor(options: ToolsOptions) {
    const { store } = options;
    this.#store = store;
    this.#mode = choice("Shown as", [
      ["flame", "Flame", "f"],
      ["table", "Table", "t"],
      ["sandwich", "Sandwich", "s"],
      ["split", "Split"],
    ], (mode) => store.set({ mode }));
    const toggle = (text: string, hint: string, flip: () => void) =>
      h("button", { title: hint, onclick: flip }, text);
    this.#up = toggle("Root below", "Flames rise from the root, instead of hanging from it", () => {
      store.set({ up: !store.state.up });
    });
    this.#inverted = toggle("Inverted", "Leaves first: who calls what takes most. Key: i", () => {
      store.set({ inverted: !store.state.inverted, zoom: "" });
    });
    this.#color = toggle("By module", "A colour for each module, instead of each kind of code", () => {
      store.set({ color: store.state.color === "kind" ? "module" : "kind" });
    });
    this.#steps = new StepChips(store);
    this.root = h(
      "div",
      { class: "tools" },
      h(
        "div",
        { class: "row" },
        this.#mode.root,
        this.#up,
        this.#inverted,
        this.#color,
        h("span", { class: "grow" }),
        exportButton(options.files),
      ),
      this.#steps.root,
      this.#legend,
    );
  }

  show({ state, theme, shares, amounts }: ToolsShown): void {
    const { mode, up, inverted, color, faded } = state;
    // Amounts are those of the steps.
    if (!this.#changes.of(mode, up, inverted, color, theme, shares, amounts, faded.join())) return;
    this.#mode.show(mode);
    this.#up.setAttribute("aria-pressed", String(up));
    this.#inverted.setAttribute("aria-pressed", String(inverted));
    this.#color.setAttribute("aria-pressed", String(color === "module"));
    this.#steps.show(state.steps, amounts);
    this.#legend.hidden = color !== "kind";
    this.#legend.replaceChildren(
      ...CODE_ORIGINS.filter((origin) => shares.has(origin)).map((origin) => {
        const swatch = h("i");
        swatch.style.background = originColor(origin, theme);
        return h(
          "button",
          {
            "aria-pressed": String(!faded.includes(origin)),
            title: "In its own functions, of what is shown. A click takes its colour away.",
            onclick: () => {
              const others = faded.filter((other) => other !== origin);
              this.#store.set({ faded: others.length < faded.length ? others : [...others, origin] });
            },
          },
          swatch,
          `${ORIGIN_NAMES[origin]} `,
          h("small", {}, shares.get(origin)!),
        );
      }),
    );
  }
}
