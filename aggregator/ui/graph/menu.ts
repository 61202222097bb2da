// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Makes the menu of a box, and of a graph's files.
 *
 * @module
 */

import { foldedSides, foldedText, speedscopeText } from "../flame/export.ts";
import type { FlameView } from "../flame/flame_view.ts";
import { type FlameModel, functionKey, isOther, pathHash } from "../flame/model.ts";
import { type Picture, pictureFiles } from "../flame/picture.ts";
import { addStep } from "../flame/transforms.ts";
import { stackText, type Tree, treeOf } from "../flame/tree.ts";
import type { App } from "../parts/app.ts";
import { saveFile } from "../parts/dom.ts";
import type { MenuItem } from "../parts/menu.ts";
import { withFilter } from "../state/selector.ts";
import { kindOf } from "../state/url_state.ts";
import { copyAndSay } from "./clipboard.ts";

/** Adds a step to the graph's. */
export function step({ store }: App, text: string): void {
  store.set({ steps: addStep(store.state.steps, text), zoom: "" });
}

/**
 * Lists what can be done with a box.
 *
 * @param loadMore is there for what was cut
 */
export function boxMenu(app: App, model: FlameModel, box: number, loadMore?: () => void): MenuItem[] {
  const { store } = app;
  const row = model.name[box]!;
  const [name, module] = [model.names[row]!, model.modules[row]!];
  if (isOther(model, row)) {
    return loadMore ? [{ text: "Show what was cut here", run: loadMore }] : [];
  }
  const zoom: MenuItem = { text: "Zoom", key: "click", run: () => store.set({ zoom: pathHash(model, box) }) };
  const copies: MenuItem[] = [
    "Copy",
    { text: "Copy the name", run: () => void copyAndSay(app, name, "name") },
    { text: "Copy the stack", key: "Y", run: () => void copyAndSay(app, stackText(model, box), "stack") },
  ];
  if (module === "") {
    const label = store.state.group.split(",")[model.level[box]! - 1];
    if (box === 0 || label === undefined || label === "none") return [zoom, ...copies];
    const filter = (operator: "=" | "!=") =>
      store.set({ match: withFilter(store.state.match, { label, operator, value: name }), zoom: "" });
    return [
      zoom,
      `${label} ${name}`,
      { text: "Only this", run: () => filter("=") },
      { text: "All but this", run: () => filter("!=") },
      ...copies,
    ];
  }
  // These are of one selection.
  const isCompared = store.state.view === "compare";
  return [
    zoom,
    ...(isCompared ? [] : [{
      text: "Sandwich: callers and callees",
      key: "s",
      run: () => store.set({ fn: functionKey(model, row), mode: "sandwich" }),
    }]),
    "Stacks",
    { text: "Focus: only stacks through it", run: () => step(app, `focus:${name}`) },
    { text: "Callers only", run: () => step(app, `callers:${name}`) },
    { text: "Callees only", run: () => step(app, `callees:${name}`) },
    { text: "Hide stacks through it", key: "alt-click", run: () => step(app, `hide:${name}`) },
    "Boxes",
    { text: "Leave the function out", run: () => step(app, `fold:${name}`) },
    { text: "Collapse recursion", key: "r", run: () => step(app, "recursion:") },
    { text: "Collapse the module", run: () => step(app, `module:${module}`) },
    "Elsewhere",
    { text: "Search it", run: () => store.set({ search: `/^${escapeExpression(name)}$/` }) },
    ...(isCompared ? [] : [
      { text: "Show in the table", run: () => store.set({ mode: "table", fn: functionKey(model, row) }) },
      {
        text: "Compare stacks through it",
        key: "c",
        run: () =>
          store.set({
            view: "compare",
            kind: kindOf(store.state),
            steps: addStep(store.state.steps, `focus:${name}`),
            zoom: "",
          }),
      },
    ]),
    ...(kindOf(store.state) === "cpu"
      ? [{
        text: "Alert on this",
        run: () => store.set({ view: "alerts", fn: functionKey(model, row), zoom: "" }),
      }]
      : []),
    ...copies,
  ];
}

/** Returns a regular expression that matches `text` alone. */
export function escapeExpression(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** Lists the files of a picture, and what is written of `trees`. */
function shownFiles(
  picture: Picture,
  { name, unit, folded, trees }: {
    readonly name: string;
    readonly unit: string;
    readonly folded: () => string;
    readonly trees: () => Readonly<Record<string, Tree>>;
  },
): MenuItem[] {
  return [
    "What is shown",
    ...pictureFiles(picture, name),
    { text: "Folded stacks", run: () => saveFile(`${name}.folded`, folded()) },
    {
      text: "speedscope",
      run: () => saveFile(`${name}.speedscope.json`, speedscopeText(trees(), { name, unit })),
    },
  ];
}

/**
 * Lists the files of the graph that `view` shows.
 *
 * @param options.pprof is the address of the selection's
 * @param options.sandwich is shown instead of the graph, where it is there
 */
export function fileMenu(
  view: FlameView,
  { name, pprof, sandwich }: { name: string; pprof: string; sandwich?: Picture | undefined },
): MenuItem[] {
  const { scene } = view;
  const picture = sandwich ?? view.picture();
  if (!scene || !picture) return [];
  const tree = () => treeOf(scene.model);
  return [
    ...shownFiles(picture, {
      ...{ name, unit: scene.model.unit },
      folded: () => foldedText(tree()),
      trees: () => ({ [name]: tree() }),
    }),
    "The whole selection",
    { text: "pprof", run: () => location.assign(pprof) },
  ];
}

export interface ComparedFiles {
  readonly name: string;
  readonly unit: string;
  readonly base: Tree;
  readonly compare: Tree;
  /** Holds the addresses of the selections' files by what they are called. */
  readonly pprof: Readonly<Record<string, string>>;
}

/** Lists the files of a comparison, of which `view` shows both sides as one. */
export function comparedFileMenu(
  view: FlameView,
  { name, unit, base, compare, pprof }: ComparedFiles,
): MenuItem[] {
  const picture = view.picture();
  if (!picture) return [];
  return [
    ...shownFiles(picture, {
      ...{ name, unit },
      folded: () => foldedSides(base, compare),
      trees: () => ({ "A, before": base, "B, after": compare }),
    }),
    "The whole selections",
    ...Object.entries(pprof).map(([text, address]) => ({ text, run: () => location.assign(address) })),
  ];
}
