// SPDX-License-Identifier: Apache-2.0
/**
 * Draws the boxes of a flame graph, and what stands on them.
 *
 * @module
 */

import type { Rects } from "./layout.ts";
import { hatch, type Pen } from "./pen.ts";

/** Is the font of boxes, of 12 pixels. */
const FONT_FAMILY = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';

/** Says where boxes stand, and what they look like. */
export interface Boxes {
  readonly rects: Rects;
  /** Holds for each box the row of its name. */
  readonly names: Uint32Array;
  /** Returns what a box is filled with; another function says that colours are others. */
  readonly fill: (box: number) => { readonly fill: string };
  /** Holds for each row of the names 1 where its boxes are not faded. @default none is */
  readonly matches: Uint8Array | undefined;
  /** Is the colour of what is faded. */
  readonly faded: string;
  /** Returns where a level is from the top, in CSS pixels. */
  readonly y: (level: number) => number;
  /** Is how high boxes are, in CSS pixels. */
  readonly height: number;
}

/** Draws with a pen, whose transformation is set. */
export class Renderer {
  /** Is the width of one letter of the font, in CSS pixels: all are as wide. */
  readonly letter: number;
  readonly #pen: Pen;
  #fill = "";

  constructor(pen: Pen) {
    this.#pen = pen;
    pen.font = `12px ${FONT_FAMILY}`;
    pen.textBaseline = "middle";
    this.letter = pen.measureText("x".repeat(100)).width / 100;
    // What the pen has now is not known.
    this.#fill = "";
  }

  /** Draws boxes, without what stands on them. */
  boxes(boxes: Boxes): void {
    const { rects, names, fill, matches, faded, y, height } = boxes;
    for (let i = 0; i < rects.count; i++) {
      const box = rects.boxOf(i, boxes);
      this.#use(isFaded(matches, names, box) ? faded : fill(box).fill);
      this.#pen.fillRect(rects.x[i]!, y(rects.level[i]!), rects.width[i]!, height);
    }
  }

  /** Draws stripes over a box. */
  hatch(x: number, y: number, width: number, height: number, color: string): void {
    hatch(this.#pen, { x, y, width, height }, color, 6);
  }

  outline(x: number, y: number, width: number, height: number, color: string): void {
    this.#pen.strokeStyle = color;
    this.#pen.lineWidth = 2;
    this.#pen.strokeRect(x + 1, y + 1, Math.max(width - 2, 0.5), height - 2);
  }

  /** Draws text whose middle is at `y`. */
  text(text: string, x: number, y: number, fill: string): void {
    this.#use(fill);
    this.#pen.fillText(text, x, y);
  }

  /** Setting a colour costs more than comparing it. */
  #use(fill: string): void {
    if (fill === this.#fill) return;
    this.#fill = this.#pen.fillStyle = fill;
  }
}

/** Returns whether a box is none that matches a search. The whole matches nothing: it is box 0. */
export function isFaded(matches: Uint8Array | undefined, names: Uint32Array, box: number): boolean {
  return matches !== undefined && (box === 0 || matches[names[box]!] !== 1);
}
