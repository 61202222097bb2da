// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Reads and shows the header's fields.
 *
 * @module
 */

import type { Kind } from "../../profile/model.ts";
import type { LabelValuesJson } from "../http/answers.ts";
import { element } from "./dom.ts";
import { formatShare } from "./format.ts";
import { selectionQuery, type State } from "./url_state.ts";

const RANGES = [
  ["-5m", "Last 5 minutes"],
  ["-15m", "Last 15 minutes"],
  ["-1h", "Last hour"],
  ["-6h", "Last 6 hours"],
  ["-24h", "Last 24 hours"],
  ["-7d", "Last 7 days"],
] as const;
const CUSTOM = "custom";

const KIND_NAMES: Readonly<Record<Kind, string>> = { cpu: "CPU", lock: "Locks", syscall: "System calls" };

/** Connects the fields with `change`, which is given what they ask for. */
export function listenToControls(change: (change: Partial<State>) => void): void {
  const range = element("range", HTMLSelectElement);
  range.addEventListener("change", () => {
    if (range.value !== CUSTOM) return change({ from: range.value, to: "now" });
    const now = Date.now();
    change({ from: new Date(now - 15 * 60_000).toISOString(), to: new Date(now).toISOString() });
  });
  for (const name of ["from", "to"] as const) {
    const field = element(name, HTMLInputElement);
    field.addEventListener("change", () => {
      const time = new Date(field.value);
      if (!Number.isNaN(time.getTime())) change({ [name]: time.toISOString() });
    });
  }
  for (const name of ["node", "comm"] as const) {
    const select = element(name, HTMLSelectElement);
    select.addEventListener("change", () => change({ [name]: select.value }));
  }
  const kind = element("kind", HTMLSelectElement);
  kind.addEventListener("change", () => change({ kind: kind.value as Kind }));
  const live = element("live", HTMLInputElement);
  live.addEventListener("change", () => change({ live: live.checked }));
  const idle = element("idle", HTMLInputElement);
  idle.addEventListener("change", () => change({ idle: idle.checked }));
  element("controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
}

/** Makes the fields say what `state` says. */
export function showControls(state: State): void {
  const known = RANGES.some(([from]) => from === state.from) && state.to === "now";
  const range = element("range", HTMLSelectElement);
  const options = [...RANGES.map(([value, text]) => option(value, text)), option(CUSTOM, "From … to …")];
  // An age that an address brought, and the list does not have.
  if (!known && state.from.startsWith("-") && state.to === "now") {
    options.unshift(option(state.from, `Last ${state.from.slice(1)}`));
    range.replaceChildren(...options);
    range.value = state.from;
  } else {
    range.replaceChildren(...options);
    range.value = known ? state.from : CUSTOM;
  }
  const custom = range.value === CUSTOM;
  for (const label of document.querySelectorAll<HTMLElement>("label.custom")) label.hidden = !custom;
  if (custom) {
    for (const name of ["from", "to"] as const) {
      element(name, HTMLInputElement).value = localTime(state[name]);
    }
  }
  element("live", HTMLInputElement).checked = state.live;
  element("idle", HTMLInputElement).checked = state.idle;
  element("idle-field", HTMLElement).hidden = state.kind === "cpu";
  element("title", HTMLElement).textContent = `${KIND_NAMES[state.kind]} flame graph`;
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[data-format]")) {
    link.href = `/api/export/${link.dataset["format"]}?${selectionQuery(state)}`;
  }
}

/** Fills a label's select with what can be chosen, the largest first, with shares. */
export function showValues(label: "node" | "comm", values: LabelValuesJson["values"], chosen: string): void {
  const select = element(label, HTMLSelectElement);
  const whole = values.reduce((sum, { total }) => sum + total.value, 0);
  const options = values.filter(({ value }) => value !== "")
    .map(({ value, total }) => option(value, `${value} · ${formatShare(total.value, whole)}`));
  const count = options.length > 0 ? ` (${options.length})` : "";
  const all = (label === "node" ? "All nodes" : "All processes") + count;
  // What is chosen stays to be seen when it has no samples now.
  if (chosen && !values.some(({ value }) => value === chosen)) {
    options.unshift(option(chosen, `${chosen} · none`));
  }
  select.replaceChildren(option("", all), ...options);
  select.value = chosen;
}

/** Offers `kinds`; one alone is no choice. */
export function showKinds(kinds: readonly Kind[], chosen: Kind): void {
  const offered = kinds.includes(chosen) ? kinds : [chosen, ...kinds];
  element("kind-field", HTMLElement).hidden = offered.length < 2;
  const select = element("kind", HTMLSelectElement);
  select.replaceChildren(...offered.map((kind) => option(kind, KIND_NAMES[kind])));
  select.value = chosen;
}

function option(value: string, text: string): HTMLOptionElement {
  return new Option(text, value);
}

/** Returns `time` as a datetime-local field takes it: in the browser's zone, without it. */
function localTime(time: string): string {
  const date = time === "now" ? new Date() : new Date(time);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
