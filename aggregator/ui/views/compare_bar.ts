// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says what is compared with what, and lets it be chosen.
 *
 * @module
 */

import { isProfileType } from "../../../profile/profile_type.ts";
import type { App } from "../parts/app.ts";
import { choice, h } from "../parts/dom.ts";
import { KindSelect } from "../parts/kind_select.ts";
import { normTexts } from "../parts/kind_words.ts";
import { clock, isoTime, parseDuration, parseMoment, shift, type TimeWindow } from "../state/range.ts";
import type { Shown } from "../state/store.ts";
import type { State } from "../state/url_state.ts";

const BASES: readonly (readonly [base: string, text: string])[] = [
  ["previous", "the time just before"],
  ["-1h", "an hour earlier"],
  ["-1d", "a day earlier"],
  ["-1w", "a week earlier"],
];

/** Returns the time and the selector that a state is compared with. */
export function baseOf(
  { base, match }: Pick<State, "base" | "match">,
  window: TimeWindow,
): { window: TimeWindow; match: string } {
  if (base.startsWith("{")) return { window, match: base.slice(1, -1) };
  const [from, to] = base.split("/").map((text) => parseMoment(text, window.to));
  if (base.includes("/") && from !== undefined && to !== undefined && from < to) {
    return { window: { from, to }, match };
  }
  const age = base.startsWith("-") ? parseDuration(base.slice(1)) : undefined;
  if (age === undefined) return { window: shift(window, -1), match };
  return { window: { from: window.from - age, to: window.to - age }, match };
}

export class CompareBar {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #base = h("select", { "aria-label": "Compared with" });
  readonly #kind: KindSelect;
  readonly #norm;
  readonly #times = h("span", { class: "quiet times" });
  readonly #file: HTMLInputElement;

  constructor(app: App, onfile: (file: File) => void) {
    this.#app = app;
    const { store } = app;
    this.#file = h("input", {
      type: "file",
      class: "hidden",
      tabindex: -1,
      accept: ".pb,.gz,.pprof,.prof",
      "aria-label": "A profile of pprof",
    });
    this.#file.addEventListener("change", () => {
      const [file] = this.#file.files ?? [];
      if (file) onfile(file);
      this.#file.value = "";
    });
    this.#base.addEventListener("change", () => {
      const { value } = this.#base;
      if (value === "upload") {
        this.#base.value = store.state.base;
        this.#file.click();
      } else if (value === "selector") {
        const { match } = store.state;
        const given = prompt('Compare with another selection, such as node="b"', match);
        this.#base.value = store.state.base;
        if (given !== null) store.set({ base: `{${given.replace(/^\{|\}$/g, "")}}` });
      } else store.set({ base: value });
    });
    this.#kind = new KindSelect(app, { withOwn: true });
    this.#norm = choice(
      "Normalised",
      [["share", "Share"], ["core", "Cores"], ["second", "Seconds"]],
      (norm) => store.set({ norm }),
    );
    const swap = h("button", { title: "What was A is B", onclick: () => this.#swap() }, "Swap");
    const open = (text: string, run: () => void) => h("button", { onclick: run }, text);
    this.root = h(
      "section",
      { class: "card compare-bar", "aria-label": "What is compared" },
      h(
        "div",
        { class: "row" },
        this.#kind.root,
        h("label", {}, h("span", { class: "quiet" }, "B, the selection, with A, "), this.#base),
        this.#norm.root,
        h("span", { class: "grow" }),
        swap,
        open("Open A", () => this.#open("a")),
        open("Open B", () => this.#open("b")),
        this.#file,
      ),
      h("div", { class: "row" }, this.#times),
    );
  }

  stop(): void {
    this.#kind.stop();
  }

  update(shown: Shown, file: string | undefined): void {
    const { state, window } = shown;
    const options: (readonly [string, string])[] = [...BASES];
    if (state.base === "file") options.push(["file", file ?? "a file that is no longer there"]);
    else if (!BASES.some(([base]) => base === state.base)) {
      // What it is stands below, with its times.
      options.push([state.base, state.base.startsWith("{") ? state.base : "the time that was chosen"]);
    }
    options.push(["selector", "another selection …"], ["upload", "a file of pprof …"]);
    this.#base.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
    this.#base.value = state.base;
    this.#kind.update(shown);
    this.#norm.show(state.norm);
    this.#norm.write(normTexts(state.kind));
    const zone = this.#app.zone();
    const text = ({ from, to }: TimeWindow) =>
      `${clock(from, { zone, near: window.to })} – ${clock(to, { zone, near: from })}`;
    const base = baseOf(state, window);
    this.#times.textContent = `A ${state.base === "file" ? file ?? "no file" : text(base.window)}${
      base.match !== state.match ? ` {${base.match}}` : ""
    } · B ${text(window)} · on the time line a drag chooses B, with Shift A`;
  }

  #swap(): void {
    const { store } = this.#app;
    const base = baseOf(store.state, store.window);
    const was = store.window;
    if (store.state.base.startsWith("{")) {
      store.set({ match: base.match, base: `{${store.state.match}}` });
    } else {
      store.set({
        from: isoTime(base.window.from),
        to: isoTime(base.window.to),
        base: `${isoTime(was.from)}/${isoTime(was.to)}`,
        live: false,
      });
    }
  }

  #open(side: "a" | "b"): void {
    const { store } = this.#app;
    const { kind } = store.state;
    const view = isProfileType(kind)
      ? "profiles"
      : ({ cpu: "cpu", lock: "locks", syscall: "calls" } as const)[kind];
    const base = baseOf(store.state, store.window);
    store.set({
      view,
      zoom: "",
      ...(side === "a" &&
        { from: isoTime(base.window.from), to: isoTime(base.window.to), match: base.match, live: false }),
    });
  }
}
