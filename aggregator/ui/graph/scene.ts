// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says what a graph of one selection looks like: its labels, shares and colours.
 *
 * @module
 */

import { codeOrigin } from "../../../profile/flame_color.ts";
import { type BoxColors, colorsOf, FADED } from "../flame/colors.ts";
import type { Scene } from "../flame/draw.ts";
import { type FlameModel, isOther } from "../flame/model.ts";
import type { App } from "../parts/app.ts";
import { Changes } from "../parts/changes.ts";
import { shortModule } from "../parts/format.ts";

export interface SceneOptions {
  readonly model: FlameModel;
  readonly focus: number;
  /** Returns the colours of a box. */
  readonly colors: (box: number) => BoxColors;
  readonly matches: Uint8Array | undefined;
  /** Writes what part of the selection an amount is. */
  readonly share: (value: number) => string;
}

/** Keeps the colours of a graph's functions, which are reckoned once however often it is zoomed. */
export class SceneColors {
  readonly #changes = new Changes();
  #colors: ((box: number) => BoxColors) | undefined;

  /** Returns what gives the colours of `model`'s boxes, the same as before while they are; kinds of code that are faded have none. */
  of(app: App, model: FlameModel): (box: number) => BoxColors {
    const theme = app.theme();
    const { color: by, faded } = app.store.state;
    if (!this.#changes.of(model, theme, by, faded.join()) && this.#colors) return this.#colors;
    const known: BoxColors[] = [];
    const isFaded = (module: string, name: string) =>
      faded.length > 0 && faded.includes(codeOrigin(module, name));
    return this.#colors = (box) => {
      const row = model.name[box]!;
      const [name, module] = [model.names[row]!, model.modules[row]!];
      return known[row] ??= isFaded(module, name) ? FADED[theme] : colorsOf(name, module, { theme, by });
    };
  }
}

/** Returns what is drawn. */
export function sceneOf(app: App, { model, focus, colors, matches, share }: SceneOptions): Scene {
  const { up } = app.store.state;
  return {
    ...{ model, focus, up },
    theme: app.theme(),
    colors,
    label: (box) => boxLabel(model, box),
    share: (box) => share(model.width[box]!),
    matches,
  };
}

/** Returns what stands on a box. */
export function boxLabel(model: FlameModel, box: number): string {
  const row = model.name[box]!;
  if (isOther(model, row)) return "+ more: click to load";
  if (box === 0) return "all";
  const name = model.names[row]!;
  // A path says too little at its begin.
  if (model.modules[row] === "" && name.startsWith("/")) return shortModule(name);
  // Behind a name from right to left the digits would be before it.
  return name.replace(/[^ -~](?=\+0x)/, "$&\u200e");
}
