// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Makes files of what is drawn.
 *
 * @module
 */

import { h, saveFile } from "../parts/dom.ts";
import { type Renderer, SvgRenderer } from "./renderer.ts";

/** Is what can be drawn by any renderer, as large as it is in CSS pixels. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly draw: (renderer: Renderer) => void;
}

/** A canvas that is higher has no picture in some browsers. In pixels. */
const MOST_PIXELS = 16_000;

/** Returns one picture of several, below each other. */
export function stacked(pictures: readonly Picture[]): Picture {
  return {
    width: Math.max(...pictures.map(({ width }) => width)),
    height: pictures.reduce((sum, { height }) => sum + height, 0),
    draw: (renderer) => {
      let top = 0;
      for (const { height, draw } of pictures) {
        draw(lowered(renderer, top));
        top += height;
      }
    },
  };
}

/** Returns what draws `by` CSS pixels lower than `renderer`. */
function lowered(renderer: Renderer, by: number): Renderer {
  return {
    letter: renderer.letter,
    rect: (x, y, width, height, fill) => renderer.rect(x, y + by, width, height, fill),
    settle: () => renderer.settle(),
    hatch: (x, y, width, height, color) => renderer.hatch(x, y + by, width, height, color),
    outline: (x, y, width, height, color) => renderer.outline(x, y + by, width, height, color),
    text: (text, x, y, fill) => renderer.text(text, x, y + by, fill),
  };
}

/** Returns a file of SVG. */
export function svgOf({ draw, ...size }: Picture, title: string, background: string): string {
  const renderer = new SvgRenderer();
  draw(renderer);
  return renderer.file({ ...size, background, title });
}

/** Saves what `draw` draws as a file of PNG of twice the page's pixels, or less where that is too high. */
export function savePng(
  name: string,
  { width, height }: Pick<Picture, "width" | "height">,
  draw: (context: CanvasRenderingContext2D) => void,
): void {
  const ratio = Math.min(2, MOST_PIXELS / height);
  const canvas = h("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  context.fillStyle = pageColor();
  context.fillRect(0, 0, width, height);
  draw(context);
  canvas.toBlob((content) => content && saveFile(`${name}.png`, content));
}

/** Returns the page's own colour, on which pictures stand. */
export function pageColor(): string {
  return getComputedStyle(document.body).backgroundColor;
}
