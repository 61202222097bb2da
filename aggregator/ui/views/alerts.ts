// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view of alerts: what fires and since when, and the rules that they are of.
 *
 * @module
 */

import type { AlertJson, AlertsJson, ListedRuleJson } from "../../http/answers.ts";
import type { App, View } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import { formatCount, formatNumber } from "../parts/format.ts";
import { Part } from "../parts/part.ts";
import { type Column, countColumn, DataTable } from "../parts/table.ts";
import { clock } from "../state/range.ts";
import type { Shown } from "../state/store.ts";
import { RuleForm } from "./rule_form.ts";
import { queryOf, ruleText, shareRule, urgency } from "./rule_text.ts";

/** A change has so long until it is given up. In ms. */
const CHANGE_MS = 30_000;

export class AlertsView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #form: RuleForm;
  readonly #answer: Part<AlertsJson>;
  readonly #sum = h("span", { class: "quiet" });
  readonly #refused = h("p", { class: "problem", role: "alert", hidden: true });
  /** Counts changes: each asks for the alerts again. */
  #changes = 0;

  constructor(app: App) {
    this.#app = app;
    const alerts = new DataTable<AlertJson>({
      store: app.store,
      label: "Alerts",
      rows: 12,
      columns: this.#alertColumns(),
      empty: "No rule's condition holds",
    });
    const rules = new DataTable<ListedRuleJson>({
      store: app.store,
      label: "Rules",
      rows: 14,
      columns: this.#ruleColumns(),
      sort: 1,
      empty: "No rules. The menu of a function's box makes one",
    });
    this.#form = new RuleForm({
      oncreate: (rule) =>
        void this.#change("/api/alerts", shareRule(rule), () => {
          app.say(`Created the rule ${rule.name}`);
          app.store.set({ fn: "" });
        }),
      oncancel: () => app.store.set({ fn: "" }),
    });
    const list = h(
      "section",
      { class: "card", "aria-label": "Alerts" },
      h("div", { class: "row" }, h("h2", {}, "Alerts"), this.#sum),
      alerts.root,
    );
    const listOfRules = h(
      "section",
      { class: "card", "aria-label": "Rules" },
      h("h2", {}, "Rules"),
      h("p", { class: "quiet" }, "Rules of the file are changed there. Switching needs the scope admin."),
      this.#refused,
      rules.root,
    );
    this.root = h("div", { class: "view alerts" }, this.#form.root, list, listOfRules);
    this.#answer = new Part<AlertsJson>({
      root: list,
      draw: (answer) => {
        const firing = answer.alerts.filter(({ state, silenced }) => state === "firing" && !silenced).length;
        this.#sum.textContent = `${formatCount(firing)} firing, silences: ${
          formatCount(answer.silences.length)
        }`;
        alerts.show(answer.alerts);
        rules.show(answer.rules);
      },
    });
  }

  update({ state, window }: Shown): void {
    this.#form.show(state);
    // Alerts are of now; a refresh asks again.
    this.#answer.ask(
      `${window.to} ${this.#changes}`,
      (signal) => this.#app.api.get<AlertsJson>("/api/alerts", new URLSearchParams(), signal),
    );
  }

  leave(): void {
    this.#answer.stop();
    this.#refused.hidden = true;
  }

  /** Changes something, and asks for all again; says why where that is refused. */
  async #change(path: string, body: unknown, done: () => void): Promise<void> {
    const { api, store } = this.#app;
    // What was answered to the same change before is no answer to this one.
    api.forget();
    try {
      await api.post(path, body, AbortSignal.timeout(CHANGE_MS));
      this.#refused.hidden = true;
      done();
    } catch (error) {
      this.#refused.textContent = `Nothing was changed. ${(error as Error).message}`;
      this.#refused.hidden = false;
    }
    api.forget();
    this.#changes++;
    store.tell();
  }

  #time(text: string | null): string {
    if (text === null) return "";
    const { zone, store } = this.#app;
    return clock(Date.parse(text), { zone: zone(), near: store.window.to, seconds: true });
  }

  #alertColumns(): Column<AlertJson>[] {
    return [
      {
        title: "State",
        value: urgency,
        cell: ({ state, silenced }) =>
          h(
            "span",
            { class: state === "firing" && !silenced ? "state firing" : "state" },
            silenced ? `${state}, silenced` : state,
          ),
      },
      {
        title: "Severity",
        minor: true,
        value: ({ labels }) => labels["severity"] ?? "",
        cell: ({ labels }) => labels["severity"] ?? "",
      },
      {
        title: "Alert",
        value: ({ rule }) => rule,
        cell: (alert) =>
          h(
            "a",
            {
              class: "name",
              href: `/${queryOf(alert)}`,
              title: alert.annotations["summary"] ?? "Opens what was measured",
            },
            alert.rule,
            h("small", {}, ` ${labelText(alert.labels)}`),
          ),
      },
      {
        title: "Value",
        number: true,
        value: ({ value }) => value ?? Infinity,
        plain: ({ value }) => value ?? "",
        cell: ({ annotations, value }) =>
          h(
            "span",
            { title: annotations["threshold"] },
            annotations["value"] ?? (value === null ? "from none" : formatNumber(value)),
          ),
      },
      countColumn("Samples", ({ samples }) => samples),
      {
        title: "Since",
        value: ({ fired, started }) => Date.parse(fired ?? started),
        plain: ({ fired, started }) => fired ?? started,
        cell: ({ fired, started }) => this.#time(fired ?? started),
      },
      {
        title: "Cleared",
        minor: true,
        value: ({ cleared }) => cleared ?? "",
        cell: ({ cleared }) => this.#time(cleared),
      },
    ];
  }

  #ruleColumns(): Column<ListedRuleJson>[] {
    return [
      {
        title: "On",
        value: ({ rule }) => rule.enabled ? 1 : 0,
        cell: ({ rule }) =>
          h("button", {
            class: "switch",
            role: "switch",
            "aria-checked": String(rule.enabled),
            "aria-label": `Rule ${rule.name}`,
            onclick: () =>
              void this.#change("/api/alerts/toggle", { name: rule.name, enabled: !rule.enabled }, () => {
                this.#app.say(`Switched the rule ${rule.name} ${rule.enabled ? "off" : "on"}`);
              }),
          }, rule.enabled ? "on" : "off"),
      },
      { title: "Rule", value: ({ rule }) => rule.name, cell: ({ rule }) => rule.name },
      {
        title: "Severity",
        minor: true,
        value: ({ rule }) => rule.severity,
        cell: ({ rule }) => rule.severity,
      },
      {
        title: "Fires when",
        value: ({ rule }) => ruleText(rule),
        cell: ({ rule }) => h("span", { class: "name", title: ruleText(rule) }, ruleText(rule)),
      },
      { title: "For", minor: true, value: ({ rule }) => rule.for, cell: ({ rule }) => rule.for },
      {
        title: "From",
        minor: true,
        value: ({ source }) => source,
        cell: ({ source }) => source === "file" ? "the file" : "REST",
      },
    ];
  }
}

/** Returns the labels that tell alerts of one rule apart. */
function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).filter(([name]) => name !== "alertname" && name !== "severity")
    .map(([name, value]) => `${name}="${value}"`).join(", ");
}
