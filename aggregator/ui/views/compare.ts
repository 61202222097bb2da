// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view that compares two times, two selections, or a file of pprof: what takes more time, and what less.
 *
 * @module
 */

import type { FlameJson } from "../../http/answers.ts";
import { diffColors, TEXT } from "../flame/colors.ts";
import {
  changeOf,
  type DiffModel,
  type DiffRow,
  diffRows,
  diffTrees,
  type Norm,
  type Side,
  sideOf,
} from "../flame/diff.ts";
import type { Scene } from "../flame/draw.ts";
import { FlameView } from "../flame/flame_view.ts";
import { boxOfHash, flameModel, isOther, pathHash } from "../flame/model.ts";
import { readPprof, type ReadProfile, unpack } from "../flame/read_pprof.ts";
import { matchNames, parseSearch, search } from "../flame/search.ts";
import { applySteps, stepParams } from "../flame/transforms.ts";
import { type Tree, treeOf } from "../flame/tree.ts";
import { boxMenu, fileMenu } from "../graph/menu.ts";
import type { App, View } from "../parts/app.ts";
import { choice, h } from "../parts/dom.ts";
import { formatChange, formatNumber, formatShare, shortModule } from "../parts/format.ts";
import { openMenu } from "../parts/menu.ts";
import { Part } from "../parts/part.ts";
import { DataTable } from "../parts/table.ts";
import { selectionParams } from "../state/api.ts";
import type { TimeWindow } from "../state/range.ts";
import type { Shown } from "../state/store.ts";
import type { State } from "../state/url_state.ts";
import { baseOf, CompareBar } from "./compare_bar.ts";

const MAX_NODES = 10_000;
const MOST_ROWS = 2000;

interface Both {
  readonly base: { readonly tree: Tree; readonly total: FlameJson["total"]; readonly seconds: number };
  readonly compare: { readonly tree: Tree; readonly total: FlameJson["total"]; readonly seconds: number };
}

type Sides = { readonly base: Side; readonly compare: Side };

export class CompareView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #bar: CompareBar;
  readonly #part: Part<Both>;
  readonly #view: FlameView;
  readonly #pair: readonly [FlameView, FlameView];
  readonly #table: DataTable<DiffRow>;
  readonly #words = h("p", { class: "words" });
  readonly #side;
  readonly #card: HTMLElement;
  #file: { readonly name: string; readonly profile: ReadProfile } | undefined;
  #diff: (DiffModel & { readonly sides: Sides }) | undefined;
  #shown: Shown | undefined;

  constructor(app: App) {
    this.#app = app;
    this.#bar = new CompareBar(app, (file) => void this.#upload(file));
    this.#view = this.#flame("Difference");
    this.#pair = [this.#flame("Before"), this.#flame("After")];
    this.#side = choice("Shown as", [["overlay", "Overlay", "f"], ["side", "Side by side"], [
      "table",
      "Table",
      "t",
    ]], (side) => app.store.set({ side }));
    const files = h("button", {
      "aria-haspopup": "menu",
      onclick: () => {
        const { left, bottom } = files.getBoundingClientRect();
        openMenu({ x: left, y: bottom + 4 }, fileMenu(this.#view, { name: "aperture-compare" }));
      },
    }, "Export ▾");
    this.#table = new DataTable<DiffRow>({
      label: "Differences",
      rows: 24,
      columns: this.#columns(),
      sort: 3,
      empty: "Nothing differs beyond chance",
    });
    const half = (title: string, view: FlameView) =>
      h("div", { class: "half" }, h("h3", {}, title), view.root);
    this.#card = h(
      "section",
      { class: "graph compare card", "aria-label": "Comparison" },
      h("div", { class: "row" }, this.#side.root, this.#words, h("span", { class: "grow" }), files),
      h(
        "div",
        { class: "graph-body" },
        this.#view.root,
        h("div", { class: "pair" }, half("A: before", this.#pair[0]), half("B: after", this.#pair[1])),
        this.#table.root,
      ),
      h(
        "p",
        { class: "quiet scale" },
        "Blue takes less time than before, orange takes more; grey is within chance (two standard deviations of the counts) or below 0.1 % of all. What has gone is striped.",
      ),
    );
    this.root = h("div", { class: "view" }, this.#bar.root, this.#card);
    this.#part = new Part<Both>({ root: this.#card, draw: (both) => this.#draw(both) });
  }

  update(shown: Shown): void {
    this.#shown = shown;
    const { state, window } = shown;
    this.#bar.update(shown, this.#file?.name);
    this.#side.show(state.side);
    this.#card.dataset["side"] = state.side;
    const params = this.#params(state, window, state.match);
    const base = baseOf(state, window);
    const file = state.base === "file" ? this.#file?.profile : undefined;
    const baseParams = this.#params(state, base.window, base.match);
    this.#part.ask(`${params} ${file ? this.#file!.name : baseParams}`, async (signal) => {
      const get = (params: URLSearchParams) =>
        this.#app.api.get<FlameJson>("/api/flamegraph", params, signal);
      const [after, before] = await Promise.all([get(params), file ? undefined : get(baseParams)]);
      const seconds = ({ from, to }: TimeWindow) => (to - from) / 1000;
      const side = (answer: FlameJson, at: TimeWindow) => ({
        tree: treeOf(flameModel(answer.graph)),
        total: answer.total,
        seconds: seconds(at),
      });
      const compare = side(after, window);
      if (!file) return { base: side(before!, base.window), compare };
      return {
        base: { tree: file.tree, total: file.total, seconds: file.seconds || seconds(window) },
        compare,
      };
    });
  }

  press(key: string): boolean {
    const { store } = this.#app;
    if (key === "f" || key === "t") store.set({ side: key === "f" ? "overlay" : "table" });
    else if (key === "Escape" && store.state.zoom !== "") store.set({ zoom: "" });
    else return false;
    return true;
  }

  leave(): void {
    this.#part.stop();
  }

  #params(state: State, window: TimeWindow, match: string): URLSearchParams {
    return selectionParams({ kind: state.kind, window, match, idle: state.idle }, {
      // A file has no processes: functions are compared with functions.
      first_level: state.base === "file" ? "none" : state.group || "none",
      max_nodes: MAX_NODES,
      inverted: state.inverted,
      ...stepParams(state.steps),
    });
  }

  async #upload(file: File): Promise<void> {
    try {
      this.#file = { name: file.name, profile: readPprof(await unpack(file)) };
      this.#app.store.set({ base: "file" });
      if (this.#shown) this.update({ ...this.#shown, state: this.#app.store.state });
    } catch (error) {
      this.#app.say((error as Error).message);
    }
  }

  #draw({ base, compare }: Both): void {
    const { state } = this.#app.store;
    const norm: Norm = state.norm;
    const sides: Sides = {
      base: sideOf(base.total, { norm, seconds: base.seconds }),
      compare: sideOf(compare.total, { norm, seconds: compare.seconds }),
    };
    const [a, b] = [base.tree, compare.tree].map((tree) => applySteps(tree, state.steps).tree);
    this.#diff = { ...diffTrees(a!, b!, sides), sides };
    this.#showWords(base.total.value, compare.total.value, sides, {
      base: base.seconds,
      compare: compare.seconds,
    });
    const { model } = this.#diff;
    const focus = boxOfHash(model, state.zoom);
    const matches = this.#matches();
    const scene = (label: (box: number) => string, hatched: (box: number) => boolean): Scene => ({
      model,
      focus,
      up: state.up,
      theme: this.#app.theme(),
      ends: false,
      colors: (box) => this.#color(box),
      label,
      share: (box) =>
        this.#change(box) === 0 ? "" : formatChange(
          this.#diff!.base[box]! * sides.base.scale,
          this.#diff!.compare[box]! * sides.compare.scale,
        ),
      hatched,
      matches,
    });
    const name = (box: number) =>
      isOther(model, model.name[box]!)
        ? "+ more"
        : box === 0
        ? "all"
        : labelOf(model.names[model.name[box]!]!, model.modules[model.name[box]!]!);
    const { base: before, compare: after } = this.#diff;
    if (state.side === "overlay") {
      const mark = (box: number) => {
        const change = this.#change(box);
        return change === 0 ? name(box) : `${change > 0 ? "▲" : "▼"} ${name(box)}`;
      };
      this.#view.show(scene(mark, (box) => after[box] === 0));
    } else if (state.side === "side") {
      this.#pair[0].show(scene(name, (box) => before[box] === 0));
      this.#pair[1].show(scene(name, (box) => after[box] === 0));
    } else this.#showTable(diffRows(a!, b!));
    if (matches) {
      const { count } = search(model, matches);
      this.#app.found({ hits: count, share: "" });
    } else this.#app.found({ hits: 0, share: "" });
  }

  #matches(): Uint8Array | undefined {
    try {
      const test = parseSearch(this.#app.store.state.search);
      return test && matchNames(this.#diff!.model, test);
    } catch {
      return undefined;
    }
  }

  #change(box: number): number {
    const { base, compare, sides } = this.#diff!;
    return changeOf(base[box]!, compare[box]!, sides);
  }

  #color(box: number) {
    const { model } = this.#diff!;
    const theme = this.#app.theme();
    if (isOther(model, model.name[box]!)) return { fill: diffColors(0, theme).fill, text: TEXT[theme] };
    return diffColors(this.#change(box), theme);
  }

  #showWords(before: number, after: number, sides: Sides, seconds: { base: number; compare: number }): void {
    const cores = (value: number, per: number) => `${formatNumber(value / 1e9 / per)} cores`;
    const text = `A ${cores(before, seconds.base)}, B ${cores(after, seconds.compare)}`;
    const change = changeOf(before, after, {
      base: { ...sides.base, scale: 1 / seconds.base },
      compare: { ...sides.compare, scale: 1 / seconds.compare },
    });
    const word = change === 0 ? "as much time as before" : change > 0 ? "takes more time" : "takes less time";
    this.#words.textContent = before === 0
      ? "There is nothing to compare with: A has no samples"
      : after === 0
      ? "There is nothing to compare: B has no samples"
      : `${text}: ${
        change === 0 ? word : `${word} (${formatChange(before / seconds.base, after / seconds.compare)})`
      }`;
  }

  #showTable(rows: readonly DiffRow[]): void {
    const { search } = this.#app.store.state;
    let test: ReturnType<typeof parseSearch>;
    try {
      test = parseSearch(search);
    } catch {
      test = undefined;
    }
    const real = rows.filter((row) =>
      this.#rowChange(row) !== 0 && (!test || test(row.function, row.module))
    );
    this.#table.show(real.slice(0, MOST_ROWS));
  }

  #rowChange(row: DiffRow): number {
    const { sides } = this.#diff!;
    return changeOf(row.base.self, row.compare.self, sides) ||
      changeOf(row.base.total, row.compare.total, sides);
  }

  #columns() {
    const scaled = (row: DiffRow, side: "base" | "compare", part: "self" | "total") =>
      row[side][part] * (this.#diff?.sides[side].scale ?? 0);
    const value = (amount: number) =>
      this.#app.store.state.norm === "share" ? formatShare(amount, 1) : formatNumber(amount);
    const number = (title: string, side: "base" | "compare", part: "self" | "total", minor = false) => ({
      title,
      number: true,
      minor,
      value: (row: DiffRow) => scaled(row, side, part),
      cell: (row: DiffRow) => value(scaled(row, side, part)),
    });
    return [
      {
        title: "Function",
        value: (row: DiffRow) => row.function,
        cell: (row: DiffRow) =>
          h("span", { class: "name", title: `${row.function}\n${row.module}` }, row.function),
      },
      number("A itself", "base", "self"),
      number("B itself", "compare", "self"),
      {
        title: "Difference",
        hint: "Of the function's own time, largest first",
        number: true,
        value: (row: DiffRow) => Math.abs(scaled(row, "compare", "self") - scaled(row, "base", "self")),
        cell: (row: DiffRow) => {
          const more = scaled(row, "compare", "self") - scaled(row, "base", "self");
          return h(
            "span",
            { class: more > 0 ? "more" : "less" },
            `${more > 0 ? "▲ +" : "▼ −"}${value(Math.abs(more))}`,
          );
        },
      },
      {
        title: "Change",
        number: true,
        value: (row: DiffRow) =>
          (scaled(row, "compare", "self") - scaled(row, "base", "self")) /
          (scaled(row, "base", "self") || 1e-12),
        cell: (row: DiffRow) => formatChange(scaled(row, "base", "self"), scaled(row, "compare", "self")),
      },
      number("A total", "base", "total", true),
      number("B total", "compare", "total", true),
      {
        title: "Module",
        minor: true,
        value: (row: DiffRow) => row.module,
        cell: (row: DiffRow) => h("span", { class: "quiet", title: row.module }, shortModule(row.module)),
      },
    ];
  }

  #flame(label: string): FlameView {
    const app = this.#app;
    const view: FlameView = new FlameView(label, {
      describe: (box) => {
        const { model } = this.#diff!;
        return `${model.names[model.name[box]!]}, ${this.#sentence(box)}`;
      },
      onhover: (box) => {
        if (box === undefined || !this.#diff || app.panel.pinned) return;
        const { model, base, compare, sides } = this.#diff;
        const row = model.name[box]!;
        for (const other of [this.#view, ...this.#pair]) if (other !== view) other.outline(row);
        const value = (amount: number) =>
          app.store.state.norm === "share"
            ? formatShare(amount, 1)
            : `${formatNumber(amount)} ${app.store.state.norm === "core" ? "cores" : "s"}`;
        app.panel.show({
          title: model.names[row]!,
          subtitle: model.modules[row]!,
          facts: [
            ["A, before", value(base[box]! * sides.base.scale)],
            ["B, after", value(compare[box]! * sides.compare.scale)],
            ["Change", formatChange(base[box]! * sides.base.scale, compare[box]! * sides.compare.scale)],
            ["In words", this.#sentence(box)],
          ],
          lists: [],
          actions: [],
        });
      },
      onpick: (box) => {
        const { model } = this.#diff!;
        if (!isOther(model, model.name[box]!)) app.store.set({ zoom: pathHash(model, box) });
      },
      onmenu: (box, at) => openMenu(at, boxMenu(app, this.#diff!.model, box)),
    });
    return view;
  }

  #sentence(box: number): string {
    const { base, compare } = this.#diff!;
    const change = this.#change(box);
    if (change === 0) return "no difference beyond chance";
    if (base[box] === 0) return "is new";
    if (compare[box] === 0) return "has gone";
    return change > 0 ? "takes more time" : "takes less time";
  }
}

function labelOf(name: string, module: string): string {
  return module === "" && name.startsWith("/") ? shortModule(name) : name;
}
