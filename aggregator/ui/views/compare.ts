// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view that compares two times, two selections, or a file of pprof: what takes more time, and what less.
 *
 * @module
 */

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
import { boxOfHash, functionKey, isOther, pathHash } from "../flame/model.ts";
import { cutSum } from "../flame/origins.ts";
import { readPprof, type ReadProfile, unpack } from "../flame/read_pprof.ts";
import { applySteps } from "../flame/transforms.ts";
import type { Tree } from "../flame/tree.ts";
import { askBoxes } from "../graph/box_counts.ts";
import { GraphSearch } from "../graph/graph_search.ts";
import { boxMenu, comparedFileMenu, step } from "../graph/menu.ts";
import { boxLabel } from "../graph/scene.ts";
import { sourceFiles } from "../graph/source_files.ts";
import { stepAmounts, StepChips } from "../graph/step_chips.ts";
import { isProfileType, profileTypeParts } from "../../../profile/profile_type.ts";
import type { App, View } from "../parts/app.ts";
import { Changes } from "../parts/changes.ts";
import { choice, h } from "../parts/dom.ts";
import { formatChange, formatShare } from "../parts/format.ts";
import { formatNormed } from "../parts/kind_words.ts";
import { exportButton, type MenuItem, openMenu } from "../parts/menu.ts";
import { Part } from "../parts/part.ts";
import { selectionParams } from "../state/api.ts";
import type { Shown } from "../state/store.ts";
import { type Compared, type CompareQuestion, compareQuestion, withMore } from "./compare_ask.ts";
import { baseOf, CompareBar } from "./compare_bar.ts";
import { DifferencesTable } from "./compare_table.ts";
import { scaleText, sentenceOf, wordsOf } from "./compare_words.ts";

type Sides = { readonly base: Side; readonly compare: Side };

/** Is both sides as one graph, and a row for each function; `key` stands for how the state wants to see them. */
interface Made extends DiffModel {
  readonly key: string;
  readonly compared: Compared;
  readonly sides: Sides;
  readonly norm: Norm;
  readonly rows: readonly DiffRow[];
  /** Are both sides after the steps that are done here. */
  readonly trees: { readonly base: Tree; readonly compare: Tree };
  /** Says of each step how much of B it moved or left out. */
  readonly amounts: ReadonlyMap<string, string>;
}

export class CompareView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #bar: CompareBar;
  readonly #part: Part<Compared>;
  readonly #view: FlameView;
  readonly #pair: readonly [FlameView, FlameView];
  readonly #table: DifferencesTable;
  readonly #words = h("p", { class: "words" });
  readonly #scale = h("p", { class: "quiet scale" });
  readonly #side;
  readonly #steps: StepChips;
  readonly #card: HTMLElement;
  #file: { readonly name: string; readonly profile: ReadProfile } | undefined;
  readonly #search = new GraphSearch((model) => {
    const { state, window } = this.#shown!;
    const { kind, match, idle } = state;
    const sides = [...(state.base === "file" ? [] : [baseOf(state, window)]), { window, match }];
    return sourceFiles(this.#app.api, sides.map((side) => ({ ...side, kind, idle })), model);
  });
  #made: Made | undefined;
  #question: CompareQuestion | undefined;
  #answer: Compared | undefined;
  /** Is the answer, with what was loaded where it was cut. */
  #whole: Compared | undefined;
  #shown: Shown | undefined;
  readonly #changes = new Changes();
  #colors: Scene["colors"] = (box) => this.#color(box);

  constructor(app: App) {
    this.#app = app;
    this.#bar = new CompareBar(app, (file) => void this.#upload(file));
    this.#steps = new StepChips(app.store);
    this.#table = new DifferencesTable(app.store);
    this.#view = this.#flame("Difference");
    this.#pair = [this.#flame("Before"), this.#flame("After")];
    this.#side = choice("Shown as", [["overlay", "Overlay", "f"], ["side", "Side by side"], [
      "table",
      "Table",
      "t",
    ]], (side) => app.store.set({ side }));
    const half = (title: string, view: FlameView) =>
      h("div", { class: "half" }, h("h3", {}, title), view.root);
    this.#card = h(
      "section",
      { class: "graph compare card", "aria-label": "Comparison" },
      h(
        "div",
        { class: "row" },
        this.#side.root,
        this.#words,
        h("span", { class: "grow" }),
        exportButton(() => this.#files()),
      ),
      this.#steps.root,
      h(
        "div",
        { class: "graph-body" },
        this.#view.root,
        h("div", { class: "pair" }, half("A: before", this.#pair[0]), half("B: after", this.#pair[1])),
        this.#table.root,
      ),
      this.#scale,
    );
    this.root = h("div", { class: "view" }, this.#bar.root, this.#card);
    this.#part = new Part<Compared>({ root: this.#card, draw: (compared) => this.#draw(compared) });
  }

  update(shown: Shown): void {
    this.#shown = shown;
    const { state } = shown;
    this.#bar.update(shown, this.#file?.name);
    this.#side.show(state.side);
    this.#card.dataset["side"] = state.side;
    const { key, ask } = this.#question = compareQuestion(shown, this.#file);
    askBoxes(
      this.#part,
      { key, live: state.live },
      (max_nodes, signal) => ask(this.#app.api, { max_nodes }, signal),
      ({ cut, base, compare }) => cut / (base.total.value + compare.total.value),
    );
  }

  press(key: string): boolean {
    const { store } = this.#app;
    const { inverted, zoom, steps } = store.state;
    if (key === "f" || key === "t") store.set({ side: key === "f" ? "overlay" : "table" });
    else if (key === "i") store.set({ inverted: !inverted, zoom: "" });
    else if (key === "r") step(this.#app, "recursion:");
    else if (key === "n" || key === "N") this.#walk(key === "n" ? 1 : -1);
    else if (key === "Escape" && zoom !== "") store.set({ zoom: "" });
    else if (key === "Escape" && steps.length > 0) store.set({ steps: steps.slice(0, -1) });
    else return false;
    return true;
  }

  leave(): void {
    this.#bar.stop();
    this.#part.stop();
  }

  #files(): MenuItem[] {
    if (!this.#made || !this.#shown) return [];
    const { state: { kind, match, idle, base: asked }, state, window } = this.#shown;
    const base = baseOf(state, window);
    const pprof = (of: typeof base) =>
      `/api/export/pprof?${selectionParams({ kind, window: of.window, match: of.match, idle })}`;
    return comparedFileMenu(this.#view, {
      ...{ name: "aperture-compare", unit: this.#made.compared.unit, ...this.#made.trees },
      pprof: {
        ...(asked !== "file" && { "pprof of A": pprof(base) }),
        "pprof of B": pprof({ window, match }),
      },
    });
  }

  async #upload(file: File): Promise<void> {
    try {
      const { kind } = this.#app.store.state;
      const wanted = isProfileType(kind) ? profileTypeParts(kind) : undefined;
      this.#file = { name: file.name, profile: readPprof(await unpack(file), wanted) };
      this.#app.store.set({ base: "file" });
      if (this.#shown) this.update({ ...this.#shown, state: this.#app.store.state });
    } catch (error) {
      this.#app.say((error as Error).message);
    }
  }

  #draw(answer: Compared): void {
    if (answer !== this.#answer) this.#answer = this.#whole = answer;
    this.#show(this.#whole!);
  }

  #show(compared: Compared): void {
    const { kind } = compared;
    const { model, amounts } = this.#made = this.#make(compared);
    this.#words.textContent = wordsOf(compared);
    const rest = cutSum(model);
    const cut = rest > 0 ? ` ${formatShare(rest, model.total)} of all is too thin to be loaded.` : "";
    this.#scale.textContent = `${scaleText(kind)}${cut}`;
    this.#steps.show(this.#app.store.state.steps, amounts);
    this.#drawScene();
    void this.#search.tell(this.#app, model, {
      isShown: () => model === this.#made?.model,
      share: () => "",
      walk: (by) => this.#walk(by),
      draw: () => this.#drawScene(),
    });
  }

  /** Makes one graph of both sides, once for what was answered and how it is looked at. */
  #make(compared: Compared): Made {
    const { base, compare, kind, unit } = compared;
    const { norm, steps } = this.#app.store.state;
    const key = JSON.stringify([norm, steps]);
    if (this.#made?.compared === compared && this.#made.key === key) return this.#made;
    const sides: Sides = {
      base: sideOf(base.total, { norm, seconds: base.seconds, kind }),
      compare: sideOf(compare.total, { norm, seconds: compare.seconds, kind }),
    };
    const [before, after] = [applySteps(base.tree, steps), applySteps(compare.tree, steps)];
    const trees = { base: before.tree, compare: after.tree };
    return {
      ...diffTrees(trees.base, trees.compare, { sides, unit }),
      ...{ compared, key, sides, norm, trees },
      rows: diffRows(trees.base, trees.compare),
      amounts: stepAmounts(steps, {
        ...{ moved: after.moved, value: trees.compare.value },
        ...{ total: compare.total.value, hidden: compare.total.value - compare.tree.value },
      }),
    };
  }

  #drawScene(): void {
    const { model, base: before, compare: after, sides, rows, norm, compared } = this.#made!;
    const { state } = this.#app.store;
    const focus = boxOfHash(model, state.zoom);
    const matches = this.#search.matches(model);
    if (this.#changes.of(this.#made, this.#app.theme())) this.#colors = (box) => this.#color(box);
    const colors = this.#colors;
    const scene = (label: (box: number) => string, hatched: (box: number) => boolean): Scene => ({
      ...{ model, focus, up: state.up },
      theme: this.#app.theme(),
      colors,
      label,
      share: (box) =>
        this.#change(box) === 0
          ? ""
          : formatChange(before[box]! * sides.base.scale, after[box]! * sides.compare.scale),
      hatched,
      matches,
    });
    const name = (box: number) => boxLabel(model, box);
    const mark = (box: number) => {
      const change = this.#change(box);
      return change === 0 ? name(box) : `${change > 0 ? "▲" : "▼"} ${name(box)}`;
    };
    // Where it is not in sight it is what pictures are made of.
    this.#view.show(scene(mark, (box) => after[box] === 0));
    if (state.side === "side") {
      this.#pair[0].show(scene(name, (box) => before[box] === 0));
      this.#pair[1].show(scene(name, (box) => after[box] === 0));
    } else if (state.side === "table") {
      const found = matches &&
        new Set(
          [...matches.keys()].filter((row) => matches[row] === 1).map((row) => functionKey(model, row)),
        );
      const shown = found ? rows.filter((row) => found.has(`${row.function}\t${row.module}`)) : rows;
      this.#table.show({ rows: shown, sides, kind: compared.kind, norm });
    }
  }

  /** Goes to the next box that matches. */
  #walk(by: 1 | -1): void {
    const model = this.#made?.model;
    const box = model && this.#search.step(model, by);
    if (box !== undefined) this.#app.store.set({ zoom: pathHash(model!, box) });
  }

  #change(box: number): number {
    const { base, compare, sides } = this.#made!;
    return changeOf(base[box]!, compare[box]!, sides);
  }

  #color(box: number) {
    const { model } = this.#made!;
    const theme = this.#app.theme();
    if (isOther(model, model.name[box]!)) return { fill: diffColors(0, theme).fill, text: TEXT[theme] };
    return diffColors(this.#change(box), theme);
  }

  #flame(label: string): FlameView {
    const app = this.#app;
    const view: FlameView = new FlameView(label, {
      describe: (box) => {
        const { model } = this.#made!;
        return `${model.names[model.name[box]!]}, ${this.#sentence(box)}`;
      },
      onhover: (box) => {
        if (box === undefined || !this.#made || app.panel.pinned) return;
        const { model, base, compare, sides } = this.#made;
        const row = model.name[box]!;
        for (const other of [this.#view, ...this.#pair]) if (other !== view) other.outline(row);
        const { kind, norm } = app.store.state;
        const value = (amount: number) => formatNormed(amount, kind, norm);
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
        const { model } = this.#made!;
        if (isOther(model, model.name[box]!)) void this.#loadMore(box);
        else app.store.set({ zoom: pathHash(model, box) });
      },
      onmenu: (box, at) => openMenu(at, boxMenu(app, this.#made!.model, box, () => void this.#loadMore(box))),
    });
    return view;
  }

  /** Asks for what was cut below a box's parent on both sides, and puts it there. */
  async #loadMore(box: number): Promise<void> {
    const below = this.#made!.model.below.get(box);
    const [question, answer] = [this.#question!, this.#answer];
    if (below === undefined) return;
    await this.#part.whileBusy(async (signal) => {
      const part = await question.ask(this.#app.api, { under: below }, signal);
      // Something else may be shown by now.
      if (answer === this.#answer) this.#show(this.#whole = withMore(this.#whole!, below, part));
    }, this.#app.say);
  }

  #sentence(box: number): string {
    const { base, compare } = this.#made!;
    const { kind } = this.#app.store.state;
    return sentenceOf({ base: base[box]!, compare: compare[box]!, change: this.#change(box), kind });
  }
}
