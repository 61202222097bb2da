// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows what was done to a graph: the presets that can be switched, and a chip for each step, which takes it off.
 *
 * @module
 */

import { addStep, parseSteps, PRESETS, stepText } from "../flame/transforms.ts";
import { h } from "../parts/dom.ts";
import { formatShare } from "../parts/format.ts";
import type { Store } from "../state/store.ts";

/** Is a row of a graph's tools. */
export class StepChips {
  readonly root: HTMLElement;
  readonly #store: Store;
  readonly #presets: readonly HTMLButtonElement[];
  readonly #chips = h("div", { class: "chips", role: "group", "aria-label": "What was done to the graph" });

  constructor(store: Store) {
    this.#store = store;
    this.#presets = Object.entries(PRESETS).map(([name, { text }]) =>
      h("button", { "data-preset": name, onclick: () => this.#flip(`preset:${name}`) }, text)
    );
    this.root = h("div", { class: "row presets" }, ...this.#presets, this.#chips);
  }

  /** @param amounts says how much a step left out or moved, by its text */
  show(steps: readonly string[], amounts: ReadonlyMap<string, string>): void {
    for (const button of this.#presets) {
      button.setAttribute("aria-pressed", String(steps.includes(`preset:${button.dataset["preset"]}`)));
    }
    this.#chips.replaceChildren(...steps.flatMap((text) => {
      const [step] = parseSteps([text]);
      if (!step) return [];
      const amount = amounts.get(text);
      return [h(
        "span",
        { class: "chip" },
        stepText(step),
        amount !== undefined && h("small", {}, ` ${amount}`),
        h("button", { "aria-label": `Take off: ${stepText(step)}`, onclick: () => this.#flip(text) }, "×"),
      )];
    }));
  }

  #flip(step: string): void {
    const { steps } = this.#store.state;
    this.#store.set({
      steps: steps.includes(step) ? steps.filter((other) => other !== step) : addStep(steps, step),
    });
  }
}

export interface StepSizes {
  /** Holds what steps that leave frames out moved to callers, by their texts. */
  readonly moved: ReadonlyMap<string, number>;
  /** Is what the graph is worth after all steps. */
  readonly value: number;
  /** Is what the selection is worth. */
  readonly total: number;
  /** Is what the steps on stacks left out of it. */
  readonly hidden: number;
}

/** Says how much each of `steps` left out or moved, by its text; of those on stacks the last says it for all. */
export function stepAmounts(
  steps: readonly string[],
  { moved, value, total, hidden }: StepSizes,
): Map<string, string> {
  const amounts = new Map(
    moved.entries().map(([text, amount]) => [text, `${formatShare(amount, value)} to callers`]),
  );
  const last = steps.findLast((text) => /^(hide|focus|callers|callees):/.test(text));
  if (last !== undefined) amounts.set(last, `${formatShare(hidden, total)} hidden`);
  return amounts;
}
