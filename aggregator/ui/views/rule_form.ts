// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Asks for the share of CPU time above which a function is to be told of.
 *
 * @module
 */

import { h } from "../parts/dom.ts";
import type { State } from "../state/url_state.ts";
import { type NewRule, ruleName } from "./rule_text.ts";

export interface RuleFormOptions {
  readonly oncreate: (rule: NewRule) => void;
  readonly oncancel: () => void;
}

/** Is there while the state has a function. */
export class RuleForm {
  readonly root: HTMLElement;
  readonly #about = h("p", { class: "quiet" });
  readonly #name = h("input", { "aria-label": "Name of the rule", required: true, maxlength: 200 });
  readonly #percent = h("input", {
    "aria-label": "Percent of CPU time",
    ...{ type: "number", min: 0.01, max: 100, step: "any", value: 10, required: true },
  });
  #fn = "";
  #match = "";

  constructor({ oncreate, oncancel }: RuleFormOptions) {
    const create = (event: Event) => {
      event.preventDefault();
      const [name, percent] = [this.#name.value.trim(), this.#percent.valueAsNumber];
      oncreate({ name, percent, fn: this.#fn, match: this.#match });
    };
    this.root = h(
      "section",
      { class: "card", "aria-label": "New rule", hidden: true },
      h("h2", {}, "Alert on this"),
      this.#about,
      h(
        "form",
        { class: "row", onsubmit: create },
        h("label", {}, "Name ", this.#name),
        h("label", {}, "More than ", this.#percent, " % of CPU time"),
        h("button", { type: "submit" }, "Create the rule"),
        h("button", { onclick: oncancel }, "Cancel"),
      ),
    );
  }

  show({ fn, match }: Pick<State, "fn" | "match">): void {
    this.root.hidden = fn === "";
    this.#match = match;
    const [name, module] = fn.split("\t");
    this.#about.textContent = `${name} ${module} in ${
      match ? `{${match}}` : "the whole fleet"
    }, over 5 minutes`;
    if (fn !== this.#fn) this.#name.value = ruleName(fn);
    this.#fn = fn;
  }
}
