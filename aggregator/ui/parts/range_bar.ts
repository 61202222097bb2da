// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Chooses the time that all of the page is about.
 *
 * @module
 */

import { formatDuration, isoTime, parseMoment, shift, spanText, type TimeWindow } from "../state/range.ts";
import type { Shown } from "../state/store.ts";
import type { App } from "./app.ts";
import { Changes } from "./changes.ts";
import { h } from "./dom.ts";

const PRESETS: readonly (readonly [from: string, text: string])[] = [
  ["-5m", "last 5 min"],
  ["-15m", "last 15 min"],
  ["-1h", "last hour"],
  ["-3h", "last 3 h"],
  ["-12h", "last 12 h"],
  ["-1d", "last day"],
  ["-2d", "last 2 days"],
  ["-7d", "last 7 days"],
  ["-30d", "last 30 days"],
];
const LIVE_EVERY_MS = 10_000;

export class RangeBar {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #preset = h("select", { "aria-label": "Time", id: "range" });
  readonly #times = h("button", { class: "plain times" });
  readonly #live: HTMLButtonElement;
  readonly #from = h("input", { type: "text", "aria-label": "From", spellcheck: "false" });
  readonly #to = h("input", { type: "text", "aria-label": "To", spellcheck: "false" });
  readonly #form: HTMLFormElement;
  readonly #changes = new Changes();
  #timer = 0;

  constructor(app: App) {
    this.#app = app;
    const { store } = app;
    this.#preset.addEventListener("change", () => {
      if (this.#preset.value === "custom") this.#edit();
      else store.set({ from: this.#preset.value, to: "now" });
    });
    this.#times.addEventListener("click", () => this.#edit());
    this.#live = h("button", {
      class: "live",
      title: "Asks again every 10 seconds. Key: .",
      onclick: () => this.toggleLive(),
    }, "Live");
    const move = (text: string, label: string, by: number) =>
      h(
        "button",
        { "aria-label": label, title: label, onclick: () => this.#move(shift(store.window, by)) },
        text,
      );
    this.#form = h(
      "form",
      { class: "custom", hidden: true, onsubmit: (event: Event) => this.#submit(event) },
      h("label", {}, "From ", this.#from),
      h("label", {}, "To ", this.#to),
      h("button", { type: "submit" }, "Show"),
      h("small", { class: "quiet" }, "2026-01-31T12:00:00Z, -15m, now"),
    );
    this.root = h(
      "div",
      { class: "range", role: "group", "aria-label": "Time" },
      move("◂", "Earlier. Key: [", -1),
      this.#preset,
      this.#times,
      move("▸", "Later. Key: ]", 1),
      this.#live,
      this.#form,
    );
    document.addEventListener("visibilitychange", () => this.#schedule());
  }

  update({ state, window }: Shown): void {
    const isPreset = state.to === "now" && PRESETS.some(([from]) => from === state.from);
    const options = isPreset ? PRESETS : [
      [
        "custom",
        state.to === "now" ? `last ${state.from.slice(1)}` : formatDuration(window.to - window.from),
      ] as const,
      ...PRESETS,
    ];
    const zone = this.#app.zone();
    const times = spanText(window, { zone, now: Date.now() });
    if (this.#changes.of(isPreset, window.from, window.to, options[0]![1], times, state.live)) {
      this.#preset.replaceChildren(
        ...options.map(([value, text]) => h("option", { value }, text)),
        ...(isPreset ? [h("option", { value: "custom" }, "from … to …")] : []),
      );
      this.#times.textContent = times;
      this.#times.title = `${isoTime(window.from)} – ${isoTime(window.to)}: enter other times`;
      this.#live.setAttribute("aria-pressed", String(state.live));
    }
    // Who chose to enter times, and did not, has the list as it was.
    this.#preset.value = isPreset ? state.from : "custom";
    this.#schedule();
  }

  toggleLive(): void {
    const { store } = this.#app;
    const { live, to, from } = store.state;
    if (live) return store.set({ live: false });
    // What is live ends now.
    store.set({ live: true, ...(to !== "now" && { to: "now", from: from.startsWith("-") ? from : "-15m" }) });
    store.refresh();
  }

  #move({ from, to }: TimeWindow): void {
    this.#app.store.set({ from: isoTime(from), to: isoTime(to), live: false });
  }

  #edit(): void {
    const { window } = this.#app.store;
    this.#form.hidden = !this.#form.hidden;
    this.#from.value = isoTime(window.from);
    this.#to.value = isoTime(window.to);
    if (!this.#form.hidden) this.#from.focus();
  }

  #submit(event: Event): void {
    event.preventDefault();
    const [from, to] = [this.#from.value.trim(), this.#to.value.trim()];
    const now = Date.now();
    const [begin, end] = [parseMoment(from, now), parseMoment(to, now)];
    if (begin === undefined || end === undefined || begin >= end) {
      this.#app.say(
        "Cannot show a time that does not end after its begin, or is not like 2026-01-31T12:00:00Z, -15m, now",
      );
      return;
    }
    this.#form.hidden = true;
    this.#app.store.set({ from, to, live: false });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { store } = this.#app;
    if (!store.state.live || document.hidden) return;
    this.#timer = Number(setTimeout(() => store.refresh(), LIVE_EVERY_MS));
  }
}
