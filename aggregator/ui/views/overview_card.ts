// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is one card of the overview: a head, and lines that lead to where there is more.
 *
 * @module
 */

import type { Kind } from "../../../profile/model.ts";
import type { TimelineJson } from "../../http/answers.ts";
import type { App } from "../parts/app.ts";
import { type Child, h } from "../parts/dom.ts";
import { Part } from "../parts/part.ts";
import { sparkline } from "../parts/sparkline.ts";
import { selectionParams } from "../state/api.ts";
import { stepOf, type TimeWindow } from "../state/range.ts";
import type { Shown } from "../state/store.ts";

/** Is how many steps a small picture of time has at most. */
const STEPS = 45;

/** Is what a card shows. */
export interface Drawn {
  readonly head: string;
  /** Is what the head is about, over time. */
  readonly over?: readonly number[] | undefined;
  readonly lines: readonly Line[];
  readonly foot?: string;
}

export interface Line {
  readonly name: string;
  readonly detail: string;
  readonly value: string;
  readonly note?: string;
  /** Is the part of a bar that is filled, from 0 to 1. */
  readonly part?: number;
  /** Is its value over time. */
  readonly over?: readonly number[] | undefined;
  readonly run?: () => void;
}

export interface CardOptions<T> {
  readonly view: "cpu" | "locks" | "calls" | "compare" | "data";
  readonly ask: (shown: Shown) => { key: string; load: (signal: AbortSignal) => Promise<T> };
  /** Says what of the selection is shown over time, in as many lanes as may be needed. */
  readonly over: (shown: Shown) => {
    readonly kind: Kind;
    /** @default what is selected */
    readonly window?: TimeWindow;
    /** Is a label, or `function`. */
    readonly by: string;
    readonly limit: number;
  };
  /** @param over comes later than the answer, or never */
  readonly draw: (answer: T, over: TimelineJson | undefined) => Drawn;
}

/** Makes a card that asks for itself; what it has over time may come later. */
export function overviewCard<T>(app: App, title: string, { view, ask, over, draw }: CardOptions<T>) {
  const list = h("ul", {});
  const [head, foot] = [h("span", { class: "quiet" }), h("p", { class: "quiet" })];
  const root = h(
    "section",
    { class: "card", "aria-label": title },
    h(
      "div",
      { class: "row" },
      h("h2", {}, title),
      head,
      h("span", { class: "grow" }),
      h("button", {
        class: "plain",
        "aria-label": `Open ${title}`,
        onclick: () => app.store.set({ view, zoom: "", pick: "" }),
      }, "Open ›"),
    ),
    list,
    foot,
  );
  const show = () => {
    if (part.answer === undefined) return;
    const drawn = draw(part.answer, pictures.answer);
    head.replaceChildren(drawn.head, ...pictureOf(drawn.over));
    foot.textContent = drawn.foot ?? (drawn.lines.length === 0 ? "None in this time" : "");
    list.replaceChildren(...drawn.lines.map((line) => lineOf(line)));
  };
  const part = new Part<T>({ root, draw: show });
  // Without pictures the card says all that it has to say: what goes wrong with them is not shown.
  const pictures = new Part<TimelineJson>({ root: h("div"), draw: show });
  return {
    root,
    ask: (shown: Shown) => {
      const { key, load } = ask(shown);
      part.ask(key, load);
      const { kind, by, limit, window = shown.window } = over(shown);
      const { match, idle } = shown.state;
      const step = stepOf(window, STEPS);
      const params = selectionParams({ kind, window, match, idle }, { by, step, limit });
      pictures.ask(
        String(params),
        (signal) => app.api.get<TimelineJson>("/api/timeline", params, signal),
      );
    },
    stop: () => {
      part.stop();
      pictures.stop();
    },
  };
}

/** Draws what was over time; one moment alone is no picture. */
function pictureOf(values: readonly number[] | undefined): Node[] {
  return values && values.length > 1 ? [sparkline(values)] : [];
}

/** Makes a line, which is a button where it leads somewhere. */
function lineOf({ name, detail, value, note = "", part, over, run }: Line): HTMLElement {
  const content: Child[] = [
    h("span", { class: "name", title: detail }, name),
    h("span", {}, ...pictureOf(over)),
    h("span", { class: "number" }, value),
    note !== "" && h("small", { class: "quiet" }, note),
  ];
  const made = run
    ? h("button", { class: "plain line", onclick: run }, ...content)
    : h("div", { class: "line" }, ...content);
  if (part !== undefined) {
    made.classList.add("meter");
    made.style.setProperty("--part", String(part));
  }
  return h("li", {}, made);
}
