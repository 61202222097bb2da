// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Makes files of what is drawn.
 *
 * @module
 */

import { h, saveFile } from "../parts/dom.ts";
import type { MenuItem } from "../parts/menu.ts";
import { type Pen, SvgPen } from "./pen.ts";

/** Is what can be drawn with any pen, as large as it is in CSS pixels. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly draw: (pen: Pen) => void;
}

/** A canvas that is higher has no picture in some browsers. In pixels. */
const MOST_PIXELS = 16_000;

/** Returns one picture of several, below each other. */
export function stacked(pictures: readonly Picture[]): Picture {
  return {
    width: Math.max(...pictures.map(({ width }) => width)),
    height: pictures.reduce((sum, { height }) => sum + height, 0),
    draw: (pen) => {
      for (const { height, draw } of pictures) {
        draw(pen);
        pen.translate(0, height);
      }
    },
  };
}

/** Returns a file of SVG. */
export function svgOf({ draw, ...size }: Picture, title: string, background: string): string {
  const pen = new SvgPen();
  draw(pen);
  return pen.file({ ...size, background, title });
}

/** Lists the files of a picture. */
export function pictureFiles(picture: Picture, name: string): MenuItem[] {
  return [
    { text: "SVG", run: () => saveFile(`${name}.svg`, svgOf(picture, name, pageColor())) },
    { text: "PNG", run: () => savePng(name, picture, picture.draw) },
  ];
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

/**
 * Makes a canvas of the page as large as a picture, or as what can be seen of one from `top` on, and clears it; returns
 * what draws on it.
 */
export function preparePen(
  canvas: HTMLCanvasElement,
  { width, height, top = 0 }: Pick<Picture, "width" | "height"> & { readonly top?: number },
): CanvasRenderingContext2D {
  const ratio = globalThis.devicePixelRatio || 1;
  const [pixelsX, pixelsY] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixelsX || canvas.height !== pixelsY) {
    canvas.width = pixelsX;
    canvas.height = pixelsY;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, pixelsX, pixelsY);
  context.setTransform(ratio, 0, 0, ratio, 0, -Math.round(top * ratio));
  return context;
}

/** Returns the page's own colour, on which pictures stand. */
export function pageColor(): string {
  return getComputedStyle(document.body).backgroundColor;
}
