// SPDX-License-Identifier: Apache-2.0
/**
 * Draws the boxes of a flame graph that are in sight.
 *
 * @module
 */

import { Changes } from "../parts/changes.ts";
import { type BoxColors, FADED, MATCH, type Theme } from "./colors.ts";
import { layOut, Rects } from "./layout.ts";
import { type FlameModel, isOther } from "./model.ts";
import { isFaded, type Renderer } from "./renderer.ts";

/** Is a row's height in CSS pixels, the gap below it included. */
export const ROW_HEIGHT = 18;
const GAP = 1;
const BOX = ROW_HEIGHT - GAP;
/** Narrower boxes have their colour alone. */
const DETAILS_FROM = 3;
const PADDING = 4;
/** Narrower boxes have no text. */
const TEXT_FROM = 24;
/** Wider boxes say their share, too. */
const SHARE_FROM = 120;

/** Is what is shown, and how. */
export interface Scene {
  readonly model: FlameModel;
  /** Is the box that is as wide as the view. */
  readonly focus: number;
  /** Puts the root at the bottom. */
  readonly up: boolean;
  readonly theme: Theme;
  /** Is the same function as long as the colours are the same. */
  readonly colors: (box: number) => BoxColors;
  /** Returns what stands on a box. */
  readonly label: (box: number) => string;
  /** Returns the share that is written behind the name, "" for none. */
  readonly share: (box: number) => string;
  /** Is true for what is not there as others are, beside what was cut. @default no box */
  readonly hatched?: (box: number) => boolean;
  /** Holds for each row of the names 1 where it matches a search. */
  readonly matches?: Uint8Array | undefined;
}

export interface Sight {
  readonly width: number;
  /** Is so high as all levels are. */
  readonly height: number;
  /** Is what can be seen of the height. */
  readonly top: number;
  readonly bottom: number;
}

/** Returns where level `level` is from the top. */
export function yOf(level: number, { up, height }: { up: boolean; height: number }): number {
  return up ? height - (level + 1) * ROW_HEIGHT : level * ROW_HEIGHT;
}

/** Returns the level at `y`. */
export function levelAt(y: number, { up, height }: { up: boolean; height: number }): number {
  return Math.floor((up ? height - y : y) / ROW_HEIGHT);
}

/** Returns the range of levels that are in `sight`, the last not included. */
export function levelsIn({ height, top, bottom }: Sight, up: boolean): { from: number; to: number } {
  const levels = [top, bottom].map((y) => levelAt(y, { up, height }));
  return { from: Math.max(0, Math.min(...levels)), to: Math.max(...levels) + 1 };
}

/** Lays out what is in sight, and keeps that: who types a search sees the same boxes with each letter. */
export class Layout {
  readonly #rects = new Rects();
  readonly #changes = new Changes();

  of({ model, focus, up }: Scene, sight: Sight): Rects {
    const rects = this.#rects;
    const { from, to } = levelsIn(sight, up);
    if (!this.#changes.of(model, focus, sight.width, from, to)) return rects;
    layOut(model, { focus, width: sight.width, from, to }, rects);
    const { count, width } = rects;
    for (let i = 0; i < count; i++) {
      // A gap would swallow a narrow box.
      if (width[i]! > DETAILS_FROM) width[i]! -= GAP;
    }
    return rects;
  }
}

/** Draws what of `scene` is in `sight`. @param layout is that of the frame before */
export function drawFlame(renderer: Renderer, scene: Scene, sight: Sight, layout = new Layout()): void {
  const { model, up, matches, theme } = scene;
  const place = { up, height: sight.height };
  const rects = layout.of(scene, sight);
  const { count, width } = rects;
  renderer.boxes({
    ...{ rects, names: model.name, fill: scene.colors, matches, faded: FADED[theme].fill },
    ...{ y: (level) => yOf(level, place), height: BOX },
  });
  for (let i = 0; i < count; i++) {
    if (width[i]! >= DETAILS_FROM) drawOn(renderer, scene, { rects, i, y: yOf(rects.level[i]!, place) });
  }
}

/** Draws what stands on a box. */
function drawOn(
  renderer: Renderer,
  scene: Scene,
  { rects, i, y }: { readonly rects: Rects; readonly i: number; readonly y: number },
): void {
  const [box, x, width] = [rects.box[i]!, rects.x[i]!, rects.width[i]!];
  const { model, theme, matches } = scene;
  if (isOther(model, model.name[box]!) || scene.hatched?.(box)) {
    renderer.hatch(x, y, width, BOX, theme === "light" ? "#00000033" : "#ffffff33");
  }
  const fades = isFaded(matches, model.name, box);
  if (width >= 4 && matches && !fades) renderer.outline(x, y, width, BOX, MATCH[theme]);
  if (width < TEXT_FROM) return;
  const middle = y + BOX / 2 + 0.5;
  const { text: color } = fades ? FADED[theme] : scene.colors(box);
  const share = width >= SHARE_FROM ? scene.share(box) : "";
  const room = width - 2 * PADDING - (share === "" ? 0 : (share.length + 1) * renderer.letter);
  const text = fit(scene.label(box), Math.floor(room / renderer.letter));
  if (text !== "") renderer.text(text, x + PADDING, middle, color);
  if (share !== "") {
    renderer.text(share, x + width - PADDING - share.length * renderer.letter, middle, color);
  }
}

/** Returns `text`, or as much of its begin as `letters` letters are. */
export function fit(text: string, letters: number): string {
  if (text.length <= letters) return text;
  return letters < 3 ? "" : `${text.slice(0, letters - 1)}…`;
}
