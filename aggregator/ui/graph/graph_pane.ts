// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows a selection's stacks: as a flame graph, a table, both, or a function between its callers and callees.
 *
 * @module
 */

import type { CodeOrigin } from "../../../profile/flame_color.ts";
import type { FlameJson } from "../../http/answers.ts";
import { FlameView } from "../flame/flame_view.ts";
import {
  boxOfHash,
  type FlameModel,
  flameModel,
  functionKey,
  hotFunctions,
  isOther,
  pathHash,
  prepareModel,
} from "../flame/model.ts";
import { cutSum, originSums } from "../flame/origins.ts";
import { applySteps, stepParams } from "../flame/transforms.ts";
import { modelOf, putIn, stackText, type Tree, treeOf } from "../flame/tree.ts";
import type { App } from "../parts/app.ts";
import { Changes } from "../parts/changes.ts";
import { h } from "../parts/dom.ts";
import { fileName, formatShare, formatValue } from "../parts/format.ts";
import { openMenu } from "../parts/menu.ts";
import { Part } from "../parts/part.ts";
import { type Asked, selectionParams } from "../state/api.ts";
import { AfterFrame, frameDrawn } from "../state/after_frame.ts";
import type { State } from "../state/url_state.ts";
import { askBoxes, FIRST_BOXES } from "./box_counts.ts";
import { boxDetails } from "./box_details.ts";
import { copyAndSay } from "./clipboard.ts";
import { Crumbs, EmptyGraph } from "./crumbs.ts";
import { GraphSearch } from "./graph_search.ts";
import { HotTable } from "./hot_table.ts";
import { boxMenu, fileMenu, step } from "./menu.ts";
import { Sandwich } from "./sandwich.ts";
import { boxLabel, SceneColors, sceneOf } from "./scene.ts";
import { sourceFiles } from "./source_files.ts";
import { stepAmounts } from "./step_chips.ts";
import { GraphTools } from "./tools.ts";

export interface GraphAsked extends Asked {
  /** Keeps only stacks through the functions of this name, beside what the state says. */
  readonly through?: string;
}

/** Is what the steps of the state, which are the key, make of the answer. */
interface Made {
  readonly key: string;
  readonly model: FlameModel;
  /** Says of each step how much it moved or left out. */
  readonly amounts: ReadonlyMap<string, string>;
  readonly shares: ReadonlyMap<CodeOrigin, string>;
  /** Is the share of what was cut, "" for none. */
  readonly cut: string;
}

/** Is a graph and its tools. */
export class GraphPane {
  readonly root: HTMLElement;
  readonly view: FlameView;
  readonly #app: App;
  readonly #part: Part<FlameJson>;
  readonly #tools: GraphTools;
  readonly #table: HotTable;
  readonly #sandwich: Sandwich;
  readonly #search = new GraphSearch((model) => sourceFiles(this.#app.api, [this.#asked!], model));
  readonly #empty: EmptyGraph;
  readonly #crumbs: Crumbs;
  #asked: GraphAsked | undefined;
  #answer: FlameJson | undefined;
  /** Is the answer's tree, with what was loaded where it was cut. */
  #whole: Tree | undefined;
  #made: Made | undefined;
  #focus = 0;
  /** Is the box that was looked at last. */
  #looked: { readonly model: FlameModel; readonly box: number } | undefined;
  readonly #changes = new Changes();
  readonly #afterFrame = new AfterFrame();
  readonly #preparing = new AfterFrame();
  readonly #colors = new SceneColors();

  /** @param label says what the graph is of */
  constructor(app: App, label: string) {
    this.#app = app;
    this.view = new FlameView(label, {
      onhover: (box) => this.#look(box),
      onpick: (box, how) => this.#pick(box, how),
      onmenu: (box, at) => openMenu(at, boxMenu(app, this.#model!, box, () => void this.#loadMore(box))),
      describe: (box) => this.#describe(box),
    });
    this.#tools = new GraphTools({
      store: app.store,
      files: () => fileMenu(this.view, this.#files()),
    });
    this.#table = new HotTable(app, {
      onlook: (name) => this.view.outline(name),
      onpick: (name, how) => this.#pickRow(name, how),
    });
    this.#crumbs = new Crumbs(app);
    this.#empty = new EmptyGraph(app);
    this.#sandwich = new Sandwich(app);
    const body = h("div", { class: "graph-body" }, this.view.root, this.#table.root, this.#sandwich.root);
    this.root = h(
      "section",
      { class: "graph card", "aria-label": label },
      this.#tools.root,
      this.#crumbs.root,
      body,
      this.#empty.root,
    );
    this.#part = new Part<FlameJson>({
      root: this.root,
      draw: (answer) => this.#take(answer),
      smaller: () => app.store.set({ from: "-1h", to: "now" }),
    });
  }

  /** Returns the model, which the state's steps make of the answer. */
  get #model(): FlameModel | undefined {
    return this.#made?.model;
  }

  /** Asks for `asked` as the state wants to see it, and shows it. */
  update(state: State, asked: GraphAsked): void {
    this.#asked = asked;
    this.root.dataset["mode"] = state.mode;
    const ask = async (boxes: number, signal: AbortSignal) => {
      const params = this.#params(state, asked, boxes);
      const answer = await this.#app.api.get<FlameJson>("/api/flamegraph", params, signal);
      // What it takes to make a graph of it would keep the time line, which came before, from the screen.
      await frameDrawn();
      return answer;
    };
    askBoxes(
      this.#part,
      { key: String(this.#params(state, asked)), live: state.live },
      ask,
      ({ cut, total }) => cut.total / total.value,
    );
    this.#fillSandwich(state, asked);
  }

  #fillSandwich(state: State, asked: GraphAsked): void {
    this.#sandwich.update(state, asked, state.mode === "sandwich" ? this.#function(state) : undefined);
  }

  stop(): void {
    this.#part.stop();
    this.#sandwich.stop();
  }

  /** Takes a key. */
  press(key: string): boolean {
    const { store } = this.#app;
    const { state } = store;
    if (key === "f" || key === "t" || key === "s") {
      store.set({ mode: ({ f: "flame", t: "table", s: "sandwich" } as const)[key] });
    } else if (key === "i") store.set({ inverted: !state.inverted, zoom: "" });
    else if (key === "r") step(this.#app, "recursion:");
    else if (key === "n" || key === "N") this.#walk(key === "n" ? 1 : -1);
    else if (key === "Y" && this.#looked) {
      void copyAndSay(this.#app, stackText(this.#looked.model, this.#looked.box), "stack");
    } else if (key === "Escape" && state.zoom !== "") store.set({ zoom: "" });
    else if (key === "Escape" && state.steps.length > 0) store.set({ steps: state.steps.slice(0, -1) });
    else return false;
    return true;
  }

  #params(state: State, asked: GraphAsked, boxes = FIRST_BOXES): URLSearchParams {
    const steps = stepParams(state.steps);
    return selectionParams(asked, {
      first_level: state.group || "none",
      max_nodes: boxes,
      inverted: state.inverted,
      ...steps,
      ...(asked.through !== undefined && { focus: steps["focus"] ?? asked.through }),
    });
  }

  #take(answer: FlameJson): void {
    if (answer !== this.#answer) {
      this.#answer = answer;
      this.#whole = treeOf(flameModel(answer.graph, answer.cut.below));
      this.#made = undefined;
    }
    this.#show();
    // What the first click, the first look and the first letter need would have their frames come late.
    this.#preparing.run(() => {
      if (!this.#model) return;
      prepareModel(this.#model);
      this.#search.load();
    });
    // Which function takes most is known only now.
    this.#fillSandwich(this.#app.store.state, this.#asked!);
  }

  #show(): void {
    const answer = this.#answer;
    const { state } = this.#app.store;
    if (!answer) return;
    const { model, amounts, shares, cut } = this.#make(state, answer);
    this.#app.note(answer, answer.selection.kind, answer.total.count);
    const isEmpty = model.total === 0;
    this.root.classList.toggle("is-empty", isEmpty);
    this.#empty.show(isEmpty, answer.total.value > 0);
    this.#focus = boxOfHash(model, state.zoom);
    this.#tools.show({ state, theme: this.#app.theme(), shares, amounts });
    this.#crumbs.show({
      isWhole: this.#focus === 0,
      name: model.names[model.name[this.#focus]!]!,
      label: boxLabel(model, this.#focus),
      share: this.#share(model.width[this.#focus]!),
      cut,
    });
    this.#drawScene();
    void this.#search.tell(this.#app, model, {
      isShown: () => model === this.#model,
      share: (value) => this.#share(value),
      walk: (by) => this.#walk(by),
      draw: () => this.#drawScene(),
    });
  }

  /** Makes the model that the state's steps make of the answer. */
  #make(state: State, answer: FlameJson): Made {
    const key = JSON.stringify(state.steps);
    if (this.#made?.key === key) return this.#made;
    const { tree, moved } = applySteps(this.#whole!, state.steps);
    const amounts = stepAmounts(state.steps, {
      ...{ moved, value: tree.value },
      ...{ total: answer.total.value, hidden: answer.hidden.value },
    });
    const model = modelOf(tree, answer.graph.unit);
    const shares = new Map(
      originSums(model).entries().map(([origin, value]) => [origin, formatShare(value, model.total)]),
    );
    const rest = cutSum(model);
    const cut = rest > 0 ? formatShare(rest, model.total) : "";
    return this.#made = { key, model, amounts, shares, cut };
  }

  #drawScene(): void {
    const model = this.#model!;
    const { mode, up, color, fn, faded } = this.#app.store.state;
    const [focus, matches] = [this.#focus, this.#search.matches(model)];
    const looks = [mode, up, color, this.#app.theme(), faded.join()];
    // The table marks the function that was picked.
    if (!this.#changes.of(model, focus, matches, ...looks, mode === "flame" || fn)) return;
    const share = (value: number) => this.#share(value);
    const colors = this.#colors.of(this.#app, model);
    this.view.show(sceneOf(this.#app, { model, focus, colors, matches, share }));
    if (mode === "table" || mode === "split") {
      this.#table.show({ model, focus, whole: this.#answer!.total.value, matches });
    }
  }

  /** Returns what part of the selection `value` is. */
  #share(value: number): string {
    return formatShare(value, this.#answer!.total.value);
  }

  #pickRow(name: number, how: "click" | "enter"): void {
    const model = this.#model!;
    this.#app.store.set({
      fn: functionKey(model, name),
      ...(how === "enter" && { mode: "sandwich" as const }),
    });
    this.view.outline(name);
    const box = model.name.indexOf(name);
    if (box > 0) this.#look(box);
  }

  /** Returns the function that the sandwich is of: the one that was picked, or the one with most time of its own. */
  #function({ fn }: State): { name: string; module: string } | undefined {
    const [name = "", module = ""] = fn.split("\t");
    if (name !== "") return { name, module };
    const model = this.#model;
    const [top] = model ? hotFunctions(model).sort((a, b) => b.self - a.self) : [];
    return top && { name: model!.names[top.name]!, module: model!.modules[top.name]! };
  }

  #pick(box: number, { shift, alt }: { readonly shift: boolean; readonly alt: boolean }): void {
    const model = this.#model!;
    const row = model.name[box]!;
    if (isOther(model, row)) return void this.#loadMore(box);
    if (alt && model.modules[row] !== "") return step(this.#app, `hide:${model.names[row]}`);
    if (shift && model.modules[row] !== "") {
      return this.#app.store.set({ fn: functionKey(model, row), mode: "sandwich" });
    }
    const fn = model.modules[row] === "" ? {} : { fn: functionKey(model, row) };
    this.#afterFrame.run(() => this.#look(box));
    this.#app.store.set({ zoom: pathHash(model, box), ...fn });
  }

  /** Asks for what was cut below a box's parent, and puts it there. */
  async #loadMore(box: number): Promise<void> {
    const below = this.#model?.below.get(box);
    const { state } = this.#app.store;
    if (below === undefined || !this.#asked) return;
    const params = this.#params(state, this.#asked);
    params.set("under", below);
    const before = this.#answer;
    await this.#part.whileBusy(async (signal) => {
      const { graph, cut } = await this.#app.api.get<FlameJson>("/api/flamegraph", params, signal);
      // Something else may be shown by now.
      if (before !== this.#answer) return;
      this.#whole = putIn(this.#whole!, below, treeOf(flameModel(graph, cut.below)));
      this.#made = undefined;
      this.#show();
    }, this.#app.say);
  }

  #look(box: number | undefined): void {
    const model = this.#model;
    if (box === undefined || !model || this.#app.panel.pinned) return;
    this.#looked = { model, box };
    this.#app.panel.show(
      boxDetails(this.#app, { model, box, answer: this.#answer!, asked: this.#asked!, focus: this.#focus }),
    );
    this.#sandwich.outline(model.names[model.name[box]!]!);
  }

  #describe(box: number): string {
    const model = this.#model!;
    const width = model.width[box]!;
    return `${boxLabel(model, box)}, ${this.#share(width)}, ${formatValue(width, model.unit)}`;
  }

  /** Goes to the next box that matches; zooms, as it may be too narrow to be seen. */
  #walk(by: 1 | -1): void {
    const model = this.#model;
    const box = model && this.#search.step(model, by);
    if (box === undefined) return;
    this.#app.store.set({ zoom: pathHash(model!, box) });
    this.view.reveal(box);
    this.#afterFrame.run(() => this.#look(box));
  }

  #files() {
    const { kind = "cpu" } = this.#asked!;
    const { to } = this.#answer!.selection;
    const isSandwich = this.#app.store.state.mode === "sandwich";
    return {
      ...(isSandwich && { sandwich: this.#sandwich.picture() }),
      name: fileName(kind, to),
      pprof: `/api/export/pprof?${selectionParams(this.#asked!)}`,
    };
  }
}
