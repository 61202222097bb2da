// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows one function between those who call it, above, and those it calls, below.
 *
 * @module
 */

import type { FlameJson } from "../../http/answers.ts";
import { TEXT } from "../flame/colors.ts";
import { FlameView } from "../flame/flame_view.ts";
import { type FlameModel, flameModel, functionKey, isOther } from "../flame/model.ts";
import { type Picture, stacked } from "../flame/picture.ts";
import type { Pen } from "../flame/pen.ts";
import { Renderer } from "../flame/renderer.ts";
import { stepParams } from "../flame/transforms.ts";
import type { App } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import { formatShare, formatValue } from "../parts/format.ts";
import { openMenu } from "../parts/menu.ts";
import { Part } from "../parts/part.ts";
import { type Asked, selectionParams } from "../state/api.ts";
import type { State } from "../state/url_state.ts";
import { askBoxes } from "./box_counts.ts";
import { boxDetails } from "./box_details.ts";
import { boxMenu } from "./menu.ts";
import { boxLabel, SceneColors, sceneOf } from "./scene.ts";

const SIDES = ["callers", "callees"] as const;
type SideName = (typeof SIDES)[number];

interface Half {
  readonly view: FlameView;
  readonly part: Part<FlameJson>;
  model?: FlameModel;
}

/** Shows both halves, each of which asks for itself. */
export class Sandwich {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #halves: Readonly<Record<SideName, Half>>;
  readonly #middle = h("p", { class: "middle" });
  #asked: Asked | undefined;

  constructor(app: App) {
    this.#app = app;
    this.#halves = { callers: this.#half("callers"), callees: this.#half("callees") };
    this.root = h(
      "div",
      { class: "sandwich" },
      h("div", { class: "half" }, this.#halves.callers.view.root),
      this.#middle,
      h("div", { class: "half" }, this.#halves.callees.view.root),
    );
  }

  /** Shows the function, or nothing. */
  update(
    state: State,
    asked: Asked,
    shown: { readonly name: string; readonly module: string } | undefined,
  ): void {
    this.#asked = asked;
    if (!shown) return;
    this.#middle.textContent = shown.name;
    this.#middle.title = shown.module;
    const { hide, collapse_recursion } = stepParams(state.steps);
    for (const side of SIDES) {
      const params = selectionParams(asked, {
        first_level: "none",
        hide,
        collapse_recursion,
        [side]: shown.name,
      });
      const ask = (boxes: number, signal: AbortSignal) => {
        params.set("max_nodes", String(boxes));
        return this.#app.api.get<FlameJson>("/api/flamegraph", params, signal);
      };
      askBoxes(
        this.#halves[side].part,
        { key: String(params), live: state.live },
        ask,
        ({ cut, graph }) => cut.total / graph.total,
      );
    }
  }

  stop(): void {
    for (const side of SIDES) this.#halves[side].part.stop();
  }

  /** Outlines the boxes of a function. */
  outline(name: string): void {
    for (const side of SIDES) {
      const { view, model } = this.#halves[side];
      const row = model?.names.indexOf(name) ?? -1;
      view.outline(row < 0 ? undefined : row);
    }
  }

  /** Returns both halves and what stands between them; `undefined` until both are there. */
  picture(): Picture | undefined {
    const [callers, callees] = SIDES.map((side) => this.#halves[side].view.picture());
    if (!callers || !callees) return undefined;
    const text = `${this.#middle.textContent}  ${this.#middle.dataset["share"] ?? ""}`;
    const color = TEXT[this.#app.theme()];
    const { width } = callers;
    const middle = { width, height: 24, draw: (pen: Pen) => new Renderer(pen).text(text, 4, 12, color) };
    return stacked([callers, middle, callees]);
  }

  #half(side: SideName): Half {
    const app = this.#app;
    let answer: FlameJson | undefined;
    const colors = new SceneColors();
    const describe = (box: number) => {
      const { names, name, width } = half.model!;
      return `${names[name[box]!]}, ${formatShare(width[box]!, answer!.total.value)}`;
    };
    const view = new FlameView(side === "callers" ? "Callers" : "Callees", {
      describe,
      onhover: (box) => {
        if (box === undefined || app.panel.pinned) return;
        app.panel.show(
          boxDetails(app, { model: half.model!, box, answer: answer!, asked: this.#asked!, focus: 0 }),
        );
      },
      onpick: (box) => {
        const { model } = half;
        const row = model!.name[box]!;
        if (model!.modules[row] !== "") app.store.set({ fn: functionKey(model!, row) });
      },
      onmenu: (box, at) => openMenu(at, boxMenu(app, half.model!, box)),
    });
    const draw = (given: FlameJson) => {
      answer = given;
      const model = half.model = flameModel(given.graph);
      view.show({
        ...sceneOf(app, {
          ...{ model, focus: 0, colors: colors.of(app, model), matches: undefined },
          share: (value) => formatShare(value, given.total.value),
        }),
        up: side === "callers",
        label: (box) => isOther(model, model.name[box]!) ? "+ more" : box === 0 ? side : boxLabel(model, box),
      });
      if (side === "callees") {
        const { total } = given.graph;
        this.#middle.dataset["share"] = `${formatShare(total, given.total.value)} of the selection · ${
          formatValue(total, given.graph.unit)
        }`;
      }
    };
    const half: Half = { view, part: new Part<FlameJson>({ root: view.root, draw }) };
    return half;
  }
}
