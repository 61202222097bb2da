// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the line that says what is selected: filters as tokens, what graphs are grouped by, and the search.
 *
 * @module
 */

import type { LabelNamesJson, LabelValuesJson } from "../../http/answers.ts";
import { selectionParams } from "../state/api.ts";
import { formatFilters, OPERATORS, parseFilters } from "../state/selector.ts";
import type { Shown } from "../state/store.ts";
import { kindOf, type State } from "../state/url_state.ts";
import type { App, Found, SearchedGraph } from "./app.ts";
import { Changes } from "./changes.ts";
import { h } from "./dom.ts";
import { formatShare } from "./format.ts";

/** Lists what graphs can begin with, and what each is called. */
const GROUPINGS: readonly (readonly [group: string, text: string])[] = [
  ["process,comm", "process › thread"],
  ["comm", "thread"],
  ["process", "process"],
  ["exe,comm", "executable › thread"],
  ["node,process", "node › process"],
  ["node", "node"],
  ["namespace,pod", "namespace › pod"],
  ["pod,container", "pod › container"],
  ["service,process", "service › process"],
  ["service", "service"],
  ["process,pid", "process › pid"],
  ["none", "functions at once"],
];
/** So many values are looked through, and so many of those that match are offered. */
const MOST_VALUES = 10_000;
const MOST_OFFERED = 50;

/** Draws the bar, and changes the state by it. */
export class FilterBar {
  readonly root: HTMLElement;
  readonly searchField: HTMLInputElement;
  readonly #app: App;
  readonly #tokens = h("span", { class: "tokens" });
  readonly #field: HTMLInputElement;
  readonly #list = h("ul", { class: "completions", role: "listbox", id: "completions", hidden: true });
  readonly #groups = h("select", { "aria-label": "Group by" });
  readonly #output = h("output", { class: "found", "aria-live": "polite" });
  readonly #steps = h("span", { class: "steps", hidden: true });
  readonly #changes = new Changes();
  #asked: AbortController | undefined;
  #chosen = -1;
  #graph: SearchedGraph | undefined;

  constructor(app: App) {
    this.#app = app;
    this.#field = h("input", {
      type: "text",
      placeholder: "+ filter",
      "aria-label": "Add a filter: label, operator, value",
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": "completions",
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => void this.#complete(),
      onfocus: () => void this.#complete(),
      onblur: () => setTimeout(() => this.#close(), 150),
      onkeydown: (event: KeyboardEvent) => this.#key(event),
    });
    this.searchField = h("input", {
      type: "search",
      id: "search",
      placeholder: "Search: words, /regex/, m:module, f:file",
      "aria-label": "Search functions, modules and files",
      autocomplete: "off",
      spellcheck: "false",
      // Who goes there is about to type, and the first letter would wait for the names to be with the worker.
      onfocus: () => this.#graph?.prepare(),
      oninput: () => app.store.set({ search: this.searchField.value }, { entry: "typed" }),
      onkeydown: (event: KeyboardEvent) => {
        if (event.key === "Enter") this.#graph?.walk(event.shiftKey ? -1 : 1);
        else if (event.key === "Escape") {
          this.searchField.value = "";
          this.searchField.blur();
          app.store.set({ search: "" });
        } else return;
        event.preventDefault();
      },
    });
    this.#groups.addEventListener("change", () => app.store.set({ group: this.#groups.value, zoom: "" }));
    const go = (text: string, label: string, by: 1 | -1) =>
      h("button", { "aria-label": label, title: label, onclick: () => this.#graph?.walk(by) }, text);
    this.#steps.append(go("‹", "Previous hit. Key: N", -1), go("›", "Next hit. Key: n", 1));
    this.root = h(
      "section",
      { class: "query", "aria-label": "Selection" },
      h(
        "div",
        { class: "filters" },
        this.#tokens,
        h("span", { class: "completing" }, this.#field, this.#list),
      ),
      h("label", { class: "group" }, h("span", {}, "Group by"), this.#groups),
      h("div", { class: "search", role: "search" }, this.searchField, this.#output, this.#steps),
    );
  }

  update({ state }: Shown): void {
    if (document.activeElement !== this.searchField) this.searchField.value = state.search;
    if (!this.#changes.of(state.match, state.group)) return;
    const filters = parseFilters(state.match);
    this.#tokens.replaceChildren(
      ...(filters === undefined
        ? [this.#token(`{${state.match}}`, () => "")]
        : filters.map((filter, i) =>
          this.#token(
            `${filter.label} ${filter.operator.replace("!=", "≠").replace("=~", "~")} ${
              filter.value || "(none)"
            }`,
            () => formatFilters(filters.filter((_, other) => other !== i)),
          )
        )),
    );
    // What is filtered by can be grouped by, too: labels of pods are nowhere else.
    const options = new Map(GROUPINGS);
    for (const group of [...filters?.map(({ label }) => label) ?? [], state.group]) {
      if (!options.has(group)) options.set(group, group);
    }
    this.#groups.replaceChildren(...[...options].map(([value, text]) => h("option", { value }, text)));
    this.#groups.value = state.group;
  }

  /** Shows what a search found in `graph`. */
  found(found: Found | undefined, graph?: SearchedGraph): void {
    this.#graph = graph;
    const isSearch = this.#app.store.state.search.trim() !== "";
    this.#steps.hidden = !found || !isSearch || found.hits === 0;
    this.searchField.toggleAttribute("aria-invalid", found?.problem !== undefined);
    this.#output.textContent = !found || !isSearch
      ? ""
      : found.problem !== undefined
      ? found.problem
      : found.hits === 0
      ? "no hits"
      : [`${found.hits} ${found.hits === 1 ? "hit" : "hits"}`, found.share].filter(Boolean).join(" · ");
    this.#output.title = "Their share of the selection";
  }

  #token(text: string, without: () => string): HTMLElement {
    return h(
      "span",
      { class: "token", title: text },
      h("span", {}, text),
      h("button", {
        "aria-label": `Remove the filter ${text}`,
        onclick: () => this.#app.store.set({ match: without(), zoom: "" }),
      }, "×"),
    );
  }

  /** Offers labels, then the values of the label that was typed, with their shares. */
  async #complete(): Promise<void> {
    const text = this.#field.value;
    const [, label, operator = "", rest = ""] = /^\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=|)\s*(.*)$/.exec(text) ?? [];
    this.#asked?.abort();
    const { signal } = this.#asked = new AbortController();
    if (label === undefined || operator === "") {
      const labels = (await this.#labels()).filter((name) => name.startsWith(label ?? ""));
      // What was typed since may have its answer.
      if (signal.aborted) return;
      const exact = labels.find((name) => name === label);
      return this.#offer(
        exact
          ? OPERATORS.map((operator) => ({ text: `${exact}${operator}`, share: "" }))
          : labels.map((name) => ({ text: `${name}=`, share: "" })),
      );
    }
    const { state, window } = this.#app.store;
    const others = formatFilters(
      (parseFilters(state.match) ?? []).filter((filter) => filter.label !== label),
    );
    const params = selectionParams({ kind: kindOf(state), window, match: others, idle: state.idle }, {
      label,
      limit: MOST_VALUES,
    });
    try {
      const { values } = await this.#app.api.get<LabelValuesJson>("/api/labels", params, signal);
      if (signal.aborted) return;
      const whole = values.reduce((sum, { total }) => sum + total.value, 0);
      const typed = rest.replaceAll('"', "").toLowerCase();
      this.#offer(
        values.filter(({ value }) => value.toLowerCase().includes(typed)).map(({ value, total }) => ({
          text: formatFilters([{ label, operator: operator as "=", value }]),
          share: formatShare(total.value, whole),
        })),
      );
    } catch {
      // What is typed can be taken as it is; the other parts say what is wrong.
      if (!signal.aborted) this.#close();
    }
  }

  /** Returns the labels that there are, or none where they cannot be had: any can be typed. */
  async #labels(): Promise<readonly string[]> {
    const signal = AbortSignal.timeout(10_000);
    const answer = await this.#app.api.get<LabelNamesJson>("/api/labels", new URLSearchParams(), signal)
      .catch(() => ({ labels: [] }));
    return [...answer.labels, "label_NAME"];
  }

  #offer(items: readonly { readonly text: string; readonly share: string }[]): void {
    this.#chosen = -1;
    this.#list.replaceChildren(
      ...items.slice(0, MOST_OFFERED).map(({ text, share }, i) =>
        h(
          "li",
          {
            role: "option",
            id: `completion-${i}`,
            onpointerdown: (event: Event) => {
              event.preventDefault();
              this.#take(text);
            },
          },
          h("span", {}, text),
          h("small", {}, share),
        )
      ),
      items.length > MOST_OFFERED
        ? h("li", { class: "quiet", role: "presentation" }, `${items.length - MOST_OFFERED} more: type on`)
        : "",
    );
    const open = items.length > 0 && document.activeElement === this.#field;
    this.#list.hidden = !open;
    this.#field.setAttribute("aria-expanded", String(open));
  }

  #close(): void {
    this.#list.hidden = true;
    this.#field.setAttribute("aria-expanded", "false");
  }

  /** Takes a completion: a label is written into the field, a whole condition becomes a token. */
  #take(text: string): void {
    const [filter] = parseFilters(text) ?? [];
    if (!filter || text.endsWith("=") || text.endsWith("~")) {
      this.#field.value = text;
      this.#field.focus();
      return void this.#complete();
    }
    const { match } = this.#app.store.state;
    this.#field.value = "";
    this.#close();
    this.#app.store.set({ match: formatFilters([...parseFilters(match) ?? [], filter]), zoom: "" });
    void this.#complete();
  }

  #key(event: KeyboardEvent): void {
    const items = [...this.#list.querySelectorAll<HTMLElement>("[role=option]")];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.#chosen = Math.max(-1, Math.min(items.length - 1, this.#chosen + step));
      items.forEach((item, i) => item.setAttribute("aria-selected", String(i === this.#chosen)));
      items[this.#chosen]?.scrollIntoView({ block: "nearest" });
      this.#field.setAttribute("aria-activedescendant", this.#chosen < 0 ? "" : `completion-${this.#chosen}`);
    } else if (event.key === "Enter") {
      const chosen = items[this.#chosen]?.firstElementChild?.textContent ?? this.#field.value;
      if (chosen.trim() !== "") this.#take(chosen);
    } else if (event.key === "Backspace" && this.#field.value === "") {
      const filters = parseFilters(this.#app.store.state.match) ?? [];
      if (filters.length > 0) this.#app.store.set({ match: formatFilters(filters.slice(0, -1)), zoom: "" });
      return;
    } else if (event.key === "Escape") {
      this.#field.value = "";
      this.#close();
      this.#field.blur();
    } else return;
    event.preventDefault();
  }
}

/** Returns what `state` is grouped by, in words. */
export function groupText({ group }: State): string {
  return GROUPINGS.find(([name]) => name === group)?.[1] ?? group;
}
