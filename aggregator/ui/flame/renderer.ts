// SPDX-License-Identifier: Apache-2.0
/**
 * Draws the boxes of a flame graph, and what stands on them.
 *
 * @module
 */

import { hatch, type Pen } from "./pen.ts";

/** Is the font of boxes, of 12 pixels. */
const FONT_FAMILY = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';

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

  rect(x: number, y: number, width: number, height: number, fill: string): void {
    this.#use(fill);
    this.#pen.fillRect(x, y, width, height);
  }

  /** Is called when all boxes are there, before what stands on them. */
  settle(): void {}

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
