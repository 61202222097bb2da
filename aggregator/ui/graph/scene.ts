// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says what a graph of one selection looks like: its labels, shares and colours.
 *
 * @module
 */

import { type CodeOrigin, codeOrigin } from "../../../profile/flame_color.ts";
import { type BoxColors, colorsOf, FADED } from "../flame/colors.ts";
import type { Scene } from "../flame/draw.ts";
import { type FlameModel, isOther } from "../flame/model.ts";
import type { App } from "../parts/app.ts";
import { shortModule } from "../parts/format.ts";

export interface SceneOptions {
  readonly model: FlameModel;
  readonly focus: number;
  /** These kinds of code have no colour now. */
  readonly faded: ReadonlySet<CodeOrigin>;
  readonly matches: Uint8Array | undefined;
  /** Writes what part of the selection an amount is. */
  readonly share: (value: number) => string;
}

/** Returns what is drawn. */
export function sceneOf(app: App, { model, focus, faded, matches, share }: SceneOptions): Scene {
  const { up, color: by } = app.store.state;
  const theme = app.theme();
  // Boxes of one function have one colour, which is reckoned once.
  const known: BoxColors[] = [];
  const colors = (row: number) => {
    const [name, module] = [model.names[row]!, model.modules[row]!];
    if (faded.size > 0 && faded.has(codeOrigin(module, name))) return FADED[theme];
    return colorsOf(name, module, { theme, by });
  };
  return {
    model,
    focus,
    up,
    theme,
    ends: false,
    colors: (box) => known[model.name[box]!] ??= colors(model.name[box]!),
    label: (box) => boxLabel(model, box),
    share: (box) => share(model.width[box]!),
    hatched: () => false,
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
  return model.modules[row] === "" && name.startsWith("/") ? shortModule(name) : name;
}
