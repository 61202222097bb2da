// SPDX-License-Identifier: Apache-2.0
/**
 * Is what a flame graph is drawn with: a canvas, or a file of SVG.
 *
 * @module
 */

import { escapeXml } from "../../../profile/xml.ts";

export interface Renderer {
  /** Is the width of one letter of the font, in CSS pixels: all are as wide. */
  readonly letter: number;
  rect(x: number, y: number, width: number, height: number, fill: string): void;
  /** Is called when all boxes are there, before what stands on them. */
  settle(): void;
  /** Draws stripes over a box. */
  hatch(x: number, y: number, width: number, height: number, color: string): void;
  outline(x: number, y: number, width: number, height: number, color: string): void;
  /** Draws text whose middle is at `y`. */
  text(text: string, x: number, y: number, fill: string): void;
}

/** Is the font of boxes, of 12 pixels. */
export const FONT_FAMILY = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';

/** Draws on a canvas, whose transformation is set. */
export class CanvasRenderer implements Renderer {
  readonly letter: number;
  readonly #context: CanvasRenderingContext2D;
  #fill = "";

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
    context.font = `12px ${FONT_FAMILY}`;
    context.textBaseline = "middle";
    this.letter = context.measureText("x".repeat(100)).width / 100;
    // What the canvas has now is not known.
    this.#fill = "";
  }

  rect(x: number, y: number, width: number, height: number, fill: string): void {
    this.#use(fill);
    this.#context.fillRect(x, y, width, height);
  }

  settle(): void {}

  hatch(x: number, y: number, width: number, height: number, color: string): void {
    const context = this.#context;
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.strokeStyle = color;
    context.lineWidth = 1;
    context.beginPath();
    for (let at = x - height; at < x + width; at += 6) {
      context.moveTo(at, y + height);
      context.lineTo(at + height, y);
    }
    context.stroke();
    context.restore();
    this.#fill = "";
  }

  outline(x: number, y: number, width: number, height: number, color: string): void {
    this.#context.strokeStyle = color;
    this.#context.lineWidth = 2;
    this.#context.strokeRect(x + 1, y + 1, Math.max(width - 2, 0.5), height - 2);
  }

  text(text: string, x: number, y: number, fill: string): void {
    this.#use(fill);
    this.#context.fillText(text, x, y);
  }

  /** Setting a colour costs more than comparing it. */
  #use(fill: string): void {
    if (fill === this.#fill) return;
    this.#fill = this.#context.fillStyle = fill;
  }
}

/** Writes the same as SVG, which needs nothing else to be looked at. */
export class SvgRenderer implements Renderer {
  // What the fonts of the family have, and a little more, as they differ.
  readonly letter = 7.25;
  readonly #parts: string[] = [];

  rect(x: number, y: number, width: number, height: number, fill: string): void {
    this.#parts.push(`<rect ${place(x, y, width, height)} rx="2" fill="${fill}"/>`);
  }

  settle(): void {}

  hatch(x: number, y: number, width: number, height: number, color: string): void {
    const lines: string[] = [];
    for (let at = x; at < x + width - 1; at += 6) {
      const right = Math.min(at + height, x + width);
      lines.push(`M${round(at)} ${round(y + height)}L${round(right)} ${round(y + height - (right - at))}`);
    }
    this.#parts.push(`<path d="${lines.join("")}" stroke="${color}" fill="none"/>`);
  }

  outline(x: number, y: number, width: number, height: number, color: string): void {
    this.#parts.push(
      `<rect ${
        place(x + 1, y + 1, Math.max(width - 2, 0.5), height - 2)
      } fill="none" stroke="${color}" stroke-width="2"/>`,
    );
  }

  text(text: string, x: number, y: number, fill: string): void {
    this.#parts.push(
      `<text x="${round(x)}" y="${round(y)}" dominant-baseline="central" fill="${fill}">${
        escapeXml(text)
      }</text>`,
    );
  }

  /** Returns the file. */
  file({ width, height, background, title }: {
    readonly width: number;
    readonly height: number;
    readonly background: string;
    readonly title: string;
  }): string {
    return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escapeXml(title)}</title>
<style>text{font:12px ${FONT_FAMILY.replaceAll('"', "'")};white-space:pre}</style>
<rect width="${width}" height="${height}" fill="${background}"/>
${this.#parts.join("\n")}
</svg>
`;
  }
}

function place(x: number, y: number, width: number, height: number): string {
  return `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}
