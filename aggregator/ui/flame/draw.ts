// SPDX-License-Identifier: Apache-2.0
/**
 * Draws the boxes of a flame graph that are in sight.
 *
 * @module
 */

import { type BoxColors, FADED, MATCH, type Theme } from "./colors.ts";
import { layOut, type Rect } from "./layout.ts";
import { type FlameModel, isOther } from "./model.ts";
import type { Renderer } from "./renderer.ts";

/** Is a row's height in CSS pixels, the gap below it included. */
export const ROW_HEIGHT = 18;
const GAP = 1;
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
  readonly colors: (box: number) => BoxColors;
  /** Returns what stands on a box. */
  readonly label: (box: number) => string;
  /** Returns the share that is written behind the name, "" for none. */
  readonly share: (box: number) => string;
  /** Is true for what is not there as others are: it was cut, or has gone. */
  readonly hatched: (box: number) => boolean;
  /** Holds for each row of the names 1 where it matches a search. */
  readonly matches?: Uint8Array | undefined;
  /** Shows the end of names that are too long, instead of the begin. */
  readonly ends: boolean;
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

/** Draws what of `scene` is in `sight`. */
export function drawFlame(renderer: Renderer, scene: Scene, sight: Sight): void {
  const { model, focus, up, matches } = scene;
  const levels = [sight.top, sight.bottom].map((y) => levelAt(y, { up, height: sight.height }));
  const rects = layOut(model, {
    focus,
    width: sight.width,
    from: Math.max(0, Math.min(...levels)),
    to: Math.max(...levels) + 1,
    prefer: (box) => matches?.[model.name[box]!] === 1,
  });
  for (const rect of rects) {
    drawBox(renderer, scene, { rect, y: yOf(rect.level, { up, height: sight.height }) });
  }
}

function drawBox(
  renderer: Renderer,
  scene: Scene,
  { rect: { box, run, level, x, width }, y }: { rect: Rect; y: number },
): void {
  const { model, matches, theme } = scene;
  const height = ROW_HEIGHT - GAP;
  // A gap would swallow a narrow box.
  const drawn = width > 3 ? width - GAP : width;
  const name = model.name[box]!;
  const isRest = isOther(model, name);
  const isMatch = matches?.[name] === 1 && !isRest && level > 0;
  const colors = matches && !isMatch ? FADED[theme] : scene.colors(box);
  renderer.rect(x, y, drawn, height, colors.fill);
  if (drawn >= 3 && (isRest || scene.hatched(box))) {
    renderer.hatch(x, y, drawn, height, theme === "light" ? "#00000033" : "#ffffff33");
  }
  if (isMatch && drawn >= 4) renderer.outline(x, y, drawn, height, MATCH[theme]);
  if (run || drawn < TEXT_FROM) return;
  const middle = y + height / 2 + 0.5;
  const share = drawn >= SHARE_FROM ? scene.share(box) : "";
  const room = drawn - 2 * PADDING - (share === "" ? 0 : (share.length + 1) * renderer.letter);
  const text = fit(scene.label(box), Math.floor(room / renderer.letter), scene.ends);
  if (text !== "") renderer.text(text, x + PADDING, middle, colors.text);
  if (share !== "") {
    renderer.text(share, x + drawn - PADDING - share.length * renderer.letter, middle, colors.text);
  }
}

/** Returns `text`, or as much of its begin or its end as `letters` letters are. */
export function fit(text: string, letters: number, ends: boolean): string {
  if (text.length <= letters) return text;
  if (letters < 3) return "";
  return ends ? `…${text.slice(1 - letters)}` : `${text.slice(0, letters - 1)}…`;
}
