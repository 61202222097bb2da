// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows a selection's stacks: as a flame graph, a table, both, or a function between its callers and callees.
 *
 * @module
 */

import { type CodeOrigin, codeOrigin } from "../../../profile/flame_color.ts";
import type { FlameJson } from "../../http/answers.ts";
import { colorsOf, FADED } from "../flame/colors.ts";
import type { Scene } from "../flame/draw.ts";
import { FlameView } from "../flame/flame_view.ts";
import {
  boxOfHash,
  type FlameModel,
  flameModel,
  type Hot,
  hotFunctions,
  isOther,
  pathHash,
} from "../flame/model.ts";
import { search } from "../flame/search.ts";
import { SearchClient } from "../flame/search_client.ts";
import { applySteps, stepParams } from "../flame/transforms.ts";
import { modelOf, putIn, type Tree, treeOf } from "../flame/tree.ts";
import type { App } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import { formatShare, formatValue, shortModule } from "../parts/format.ts";
import { openMenu } from "../parts/menu.ts";
import { Part } from "../parts/part.ts";
import { DataTable } from "../parts/table.ts";
import { type Asked, selectionParams } from "../state/api.ts";
import type { State } from "../state/url_state.ts";
import { boxDetails } from "./box_details.ts";
import { boxMenu, fileMenu, step } from "./menu.ts";
import { Sandwich } from "./sandwich.ts";
import { GraphTools } from "./tools.ts";

/** More boxes come when what was cut is clicked. */
const MAX_NODES = 10_000;

export interface GraphAsked extends Asked {
  /** Keeps only stacks through the functions of this name, beside what the state says. */
  readonly through?: string;
}

/** Is a graph and its tools. */
export class GraphPane {
  readonly root: HTMLElement;
  readonly view: FlameView;
  readonly #app: App;
  readonly #part: Part<FlameJson>;
  readonly #tools: GraphTools;
  readonly #table: DataTable<Hot>;
  readonly #sandwich: Sandwich;
  readonly #search = new SearchClient();
  readonly #empty = h("div", { class: "empty", hidden: true });
  readonly #crumbs = h("nav", { class: "crumbs", "aria-label": "Zoom", hidden: true });
  #asked: GraphAsked | undefined;
  #answer: FlameJson | undefined;
  /** Is the answer's tree, with what was loaded where it was cut. */
  #whole: Tree | undefined;
  #made:
    | { readonly key: string; readonly model: FlameModel; readonly amounts: ReadonlyMap<string, string> }
    | undefined;
  #focus = 0;
  #matched: { readonly key: string; readonly matches: Uint8Array } | undefined;
  #hit = -1;

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
      onexport: (at) => openMenu(at, fileMenu(this.view, this.#files())),
      onlegend: () => this.#show(),
    });
    this.#table = new DataTable<Hot>({
      label: "Functions",
      rows: 24,
      columns: this.#columns(),
      isMarked: ({ name }) => this.#isPicked(name),
      onrow: ({ name }, how) => this.#pickRow(name, how),
      empty: "No function matches",
    });
    this.#sandwich = new Sandwich(app);
    const body = h("div", { class: "graph-body" }, this.view.root, this.#table.root, this.#sandwich.root);
    this.root = h(
      "section",
      { class: "graph card", "aria-label": label },
      this.#tools.root,
      this.#crumbs,
      body,
      this.#empty,
    );
    this.#part = new Part<FlameJson>({
      root: this.root,
      draw: (answer) => this.#take(answer),
      smaller: () => app.store.set({ from: "-1h", to: "now" }),
    });
  }

  get #model(): FlameModel | undefined {
    return this.#made?.model;
  }

  /** Asks for `asked` as the state wants to see it, and shows it. */
  update(state: State, asked: GraphAsked): void {
    this.#asked = asked;
    this.root.dataset["mode"] = state.mode;
    const params = this.#params(state, asked);
    this.#part.ask(
      String(params),
      (signal) => this.#app.api.get<FlameJson>("/api/flamegraph", params, signal),
    );
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
    else if (key === "Escape" && state.zoom !== "") store.set({ zoom: "" });
    else if (key === "Escape" && state.steps.length > 0) store.set({ steps: state.steps.slice(0, -1) });
    else return false;
    return true;
  }

  #params(state: State, asked: GraphAsked): URLSearchParams {
    const steps = stepParams(state.steps);
    return selectionParams(asked, {
      first_level: state.group || "none",
      max_nodes: MAX_NODES,
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
  }

  #show(): void {
    const answer = this.#answer;
    const { state } = this.#app.store;
    if (!answer) return;
    const { model, amounts } = this.#make(state, answer);
    this.#app.note(answer, answer.selection.kind, answer.total.count);
    const isEmpty = model.total === 0;
    this.root.classList.toggle("is-empty", isEmpty);
    this.#empty.hidden = !isEmpty;
    if (isEmpty) this.#explainEmpty(answer);
    this.#focus = boxOfHash(model, state.zoom);
    this.#tools.show({ state, theme: this.#app.theme(), shares: this.#shares(model), amounts });
    this.#showCrumbs(model);
    this.#drawScene();
    void this.#find(model, state.search);
  }

  /** Makes the model that the state's steps make of the answer. */
  #make(state: State, answer: FlameJson) {
    const key = JSON.stringify(state.steps);
    if (this.#made?.key === key) return this.#made;
    const { tree, moved } = applySteps(this.#whole!, state.steps);
    const amounts = new Map(
      [...moved].map(([text, value]) => [text, `${formatShare(value, tree.value)} to callers`]),
    );
    const left = state.steps.filter((text) => /^(hide|focus|callers|callees):/.test(text));
    if (left.length > 0) {
      amounts.set(left.at(-1)!, `${formatShare(answer.hidden.value, answer.total.value)} hidden`);
    }
    return this.#made = { key, model: modelOf(tree, answer.graph.unit), amounts };
  }

  #drawScene(): void {
    const model = this.#model!;
    const { state } = this.#app.store;
    const theme = this.#app.theme();
    const { faded } = this.#tools;
    const scene: Scene = {
      model,
      focus: this.#focus,
      up: state.up,
      theme,
      ends: false,
      colors: (box) => {
        const [name, module] = [model.names[model.name[box]!]!, model.modules[model.name[box]!]!];
        if (faded.size > 0 && faded.has(codeOrigin(module, name))) return FADED[theme];
        return colorsOf(name, module, { theme, by: state.color });
      },
      label: (box) => this.#label(model, box),
      share: (box) => formatShare(model.width[box]!, this.#answer!.total.value),
      hatched: () => false,
      matches: this.#matched?.matches,
    };
    this.view.show(scene);
    this.#showTable(model);
  }

  #label(model: FlameModel, box: number): string {
    const name = model.names[model.name[box]!]!;
    if (isOther(model, model.name[box]!)) return "+ more: click to load";
    if (box === 0) return "all";
    // A path says too little at its begin.
    return model.modules[model.name[box]!] === "" && name.startsWith("/") ? shortModule(name) : name;
  }

  #showTable(model: FlameModel): void {
    const { state } = this.#app.store;
    if (state.mode !== "table" && state.mode !== "split") return;
    const matches = this.#matched?.matches;
    const rows = hotFunctions(model, this.#focus);
    this.#table.show(matches ? rows.filter(({ name }) => matches[name] === 1) : rows);
  }

  #columns() {
    const whole = () => this.#answer?.total.value ?? 0;
    const unit = () => this.#model?.unit ?? "nanoseconds";
    const value = (part: "self" | "total", title: string, hint: string) => ({
      title,
      hint,
      number: true,
      value: (row: Hot) => row[part],
      cell: (row: Hot) =>
        h("span", { title: formatValue(row[part], unit()) }, formatShare(row[part], whole())),
      bar: (row: Hot) => row[part] / (this.#model?.width[this.#focus] || 1),
    });
    return [
      value("self", "Self", "In the function itself, of the selection"),
      value("total", "Total", "In it and in what it calls, of the selection"),
      {
        title: "Time",
        number: true,
        minor: true,
        value: (row: Hot) => row.self,
        cell: (row: Hot) => formatValue(row.self, unit()),
      },
      {
        title: "Function",
        value: (row: Hot) => this.#model!.names[row.name]!,
        cell: (row: Hot) => {
          const [name, module] = [this.#model!.names[row.name]!, this.#model!.modules[row.name]!];
          const dot = h("i", { class: "dot" });
          dot.style.background =
            colorsOf(name, module, { theme: this.#app.theme(), by: this.#app.store.state.color }).fill;
          return h(
            "span",
            { class: "name", title: name, onmouseenter: () => this.view.outline(row.name) },
            dot,
            name,
          );
        },
      },
      {
        title: "Module",
        minor: true,
        value: (row: Hot) => this.#model!.modules[row.name]!,
        cell: (row: Hot) => {
          const module = this.#model!.modules[row.name]!;
          return h("span", { class: "quiet", title: module }, shortModule(module));
        },
      },
    ];
  }

  #pickRow(name: number, how: "click" | "enter"): void {
    const model = this.#model!;
    const fn = `${model.names[name]}\t${model.modules[name]}`;
    this.#app.store.set({ fn, ...(how === "enter" && { mode: "sandwich" as const }) });
    this.view.outline(name);
    const box = model.name.indexOf(name);
    if (box > 0) this.#look(box);
    this.#table.redraw();
  }

  #isPicked(name: number): boolean {
    const model = this.#model!;
    return this.#app.store.state.fn === `${model.names[name]}\t${model.modules[name]}`;
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
      return this.#app.store.set({ fn: `${model.names[row]}\t${model.modules[row]}`, mode: "sandwich" });
    }
    const fn = model.modules[row] === "" ? {} : { fn: `${model.names[row]}\t${model.modules[row]}` };
    this.#look(box);
    this.#app.store.set({ zoom: pathHash(model, box), ...fn });
  }

  /** Asks for what was cut below a box's parent, and puts it there. */
  async #loadMore(box: number): Promise<void> {
    const below = this.#model?.below.get(box);
    const { state } = this.#app.store;
    if (below === undefined || !this.#asked) return;
    const params = this.#params(state, this.#asked);
    params.set("under", below);
    this.root.setAttribute("aria-busy", "true");
    try {
      const answer = await this.#app.api.get<FlameJson>(
        "/api/flamegraph",
        params,
        AbortSignal.timeout(30_000),
      );
      this.#whole = putIn(this.#whole!, below, treeOf(flameModel(answer.graph, answer.cut.below)));
      this.#made = undefined;
      this.#show();
    } catch (error) {
      this.#app.say((error as Error).message);
    } finally {
      this.root.setAttribute("aria-busy", "false");
    }
  }

  #look(box: number | undefined): void {
    const model = this.#model;
    if (box === undefined || !model || this.#app.panel.pinned) return;
    this.#app.panel.show(
      boxDetails(this.#app, { model, box, answer: this.#answer!, asked: this.#asked!, focus: this.#focus }),
    );
    this.#sandwich.outline(model.names[model.name[box]!]!);
  }

  #describe(box: number): string {
    const model = this.#model!;
    const share = formatShare(model.width[box]!, this.#answer!.total.value);
    return `${this.#label(model, box)}, ${share}, ${formatValue(model.width[box]!, model.unit)}`;
  }

  async #find(model: FlameModel, text: string): Promise<void> {
    if (text.trim() === "") {
      this.#matched = undefined;
      this.#app.found({ hits: 0, share: "" });
      return this.#drawScene();
    }
    const matched = await this.#search.match(model, text);
    if (!matched || model !== this.#model) return;
    if ("problem" in matched) {
      this.#matched = undefined;
      this.#app.found({ hits: 0, share: "", problem: matched.problem });
      return this.#drawScene();
    }
    this.#matched = { key: text, matches: matched.matches };
    this.#hit = -1;
    const { count, width } = search(model, matched.matches);
    this.#app.found(
      { hits: count, share: formatShare(width, this.#answer!.total.value) },
      (by) => this.#walk(by),
    );
    this.#drawScene();
  }

  /** Goes to the next box that matches, the widest first; zooms where it is too narrow to be seen. */
  #walk(by: 1 | -1): void {
    const model = this.#model;
    if (!model || !this.#matched) return;
    const { boxes } = search(model, this.#matched.matches);
    if (boxes.length === 0) return;
    this.#hit = (this.#hit + by + boxes.length) % boxes.length;
    const box = boxes[this.#hit]!;
    this.#app.store.set({ zoom: pathHash(model, box) });
    this.view.reveal(box);
    this.#look(box);
  }

  #shares(model: FlameModel): Map<CodeOrigin, string> {
    const sums = new Map<CodeOrigin, number>();
    for (let box = 1; box < model.name.length; box++) {
      const row = model.name[box]!;
      if (model.self[box] === 0 || isOther(model, row)) continue;
      const origin = codeOrigin(model.modules[row]!, model.names[row]);
      if (origin !== "thread") sums.set(origin, (sums.get(origin) ?? 0) + model.self[box]!);
    }
    return new Map([...sums].map(([origin, value]) => [origin, formatShare(value, model.total)]));
  }

  #showCrumbs(model: FlameModel): void {
    this.#crumbs.hidden = this.#focus === 0;
    if (this.#focus === 0) return;
    const row = model.name[this.#focus]!;
    this.#crumbs.replaceChildren(
      h("button", { class: "plain", onclick: () => this.#app.store.set({ zoom: "" }) }, "Whole graph"),
      h("span", { "aria-current": "true", title: model.names[row] }, ` › ${this.#label(model, this.#focus)}`),
      h(
        "span",
        { class: "quiet" },
        ` ${formatShare(model.width[this.#focus]!, this.#answer!.total.value)} of the selection`,
      ),
    );
  }

  #explainEmpty({ total }: FlameJson): void {
    const { store } = this.#app;
    if (total.value === 0) {
      this.#empty.replaceChildren(h("h2", {}, "Nothing in this time passes the filters"));
      return;
    }
    this.#empty.replaceChildren(
      h("h2", {}, "All of it is hidden"),
      h("button", { onclick: () => store.set({ steps: [], zoom: "" }) }, "Take all steps off"),
    );
  }

  #files() {
    const { kind = "cpu" } = this.#asked!;
    const { to } = this.#answer!.selection;
    return {
      name: `aperture-${kind}-${to.replace(/\.\d+|[:-]/g, "")}`,
      pprof: `/api/export/pprof?${selectionParams(this.#asked!)}`,
    };
  }
}
