// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is what graphs and time lines are drawn with: a canvas, or a file of SVG.
 *
 * @module
 */

import { escapeXml } from "../../../profile/xml.ts";

/** Is what of a canvas' context pictures need. */
export type Pen =
  & Pick<
    CanvasRenderingContext2D,
    | "fillStyle"
    | "strokeStyle"
    | "lineWidth"
    | "lineJoin"
    | "globalAlpha"
    | "font"
    | "textBaseline"
    | "translate"
    | "beginPath"
    | "moveTo"
    | "lineTo"
    | "stroke"
    | "fillRect"
    | "strokeRect"
    | "fillText"
    | "strokeText"
  >
  & {
    fill(): void;
    measureText(text: string): { readonly width: number };
  };

/** Is how wide a letter of boxes is reckoned: what the fonts of the family have, and a little more, as they differ. */
const LETTER = 7.25;

/** Writes shapes of SVG. */
export class SvgPen implements Pen {
  fillStyle = "";
  strokeStyle = "";
  lineWidth = 1;
  /** Is always so. */
  lineJoin: CanvasLineJoin = "round";
  globalAlpha = 1;
  font = "";
  textBaseline: CanvasTextBaseline = "alphabetic";
  #shapes = "";
  /** Holds for each font the name of its class. */
  readonly #fonts = new Map<string, string>();
  #path = "";
  #x = 0;
  #y = 0;

  translate(x: number, y: number): void {
    this.#x += x;
    this.#y += y;
  }

  beginPath(): void {
    this.#path = "";
  }

  moveTo(x: number, y: number): void {
    this.#path += `M${round(x + this.#x)} ${round(y + this.#y)}`;
  }

  lineTo(x: number, y: number): void {
    if (this.#path === "") this.moveTo(x, y);
    else this.#path += `L${round(x + this.#x)} ${round(y + this.#y)}`;
  }

  fill(): void {
    this.#put(`path d="${this.#path}"`, this.#filled);
  }

  stroke(): void {
    this.#put(`path d="${this.#path}"`, this.#stroked);
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.#rect(x, y, width, height, this.#filled);
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.#rect(x, y, width, height, this.#stroked);
  }

  measureText(text: string): { readonly width: number } {
    return { width: text.length * LETTER };
  }

  /** Names are as wide as they are: the room for them is for canvases. */
  fillText(text: string, x: number, y: number): void {
    this.#text(text, x, y, this.#filled);
  }

  strokeText(text: string, x: number, y: number): void {
    this.#text(text, x, y, this.#stroked);
  }

  /** Returns the file. */
  file(frame: SvgFrame): string {
    const fonts = [...this.#fonts].map(([font, name]) => `.${name}{font:${font.replaceAll('"', "'")}}`);
    return svgFile(frame, `*{stroke-linejoin:round}text{white-space:pre}${fonts.join("")}`, this.#shapes);
  }

  get #filled(): string {
    return `fill="${this.fillStyle}"`;
  }

  get #stroked(): string {
    return `fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}"`;
  }

  #rect(x: number, y: number, width: number, height: number, look: string): void {
    this.#put(`rect ${this.#place(x, y)} width="${round(width)}" height="${round(height)}"`, look);
  }

  #text(text: string, x: number, y: number, look: string): void {
    const known = this.#fonts.get(this.font) ?? `f${this.#fonts.size}`;
    this.#fonts.set(this.font, known);
    const line = this.textBaseline === "middle" ? ' dominant-baseline="central"' : "";
    this.#put(`text ${this.#place(x, y)} class="${known}"${line}`, look, escapeXml(text));
  }

  #put(shape: string, look: string, text = ""): void {
    const opacity = this.globalAlpha === 1 ? "" : ` opacity="${this.globalAlpha}"`;
    const end = text === "" ? "/>" : `>${text}</text>`;
    this.#shapes += `<${shape} ${look}${opacity}${end}\n`;
  }

  #place(x: number, y: number): string {
    return `x="${round(x + this.#x)}" y="${round(y + this.#y)}"`;
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Is what a file of SVG is, around what is drawn. */
export interface SvgFrame {
  readonly width: number;
  readonly height: number;
  readonly background: string;
  readonly title: string;
}

/** Returns a file of SVG with `shapes`, which `style` is for. */
export function svgFile(
  { width, height, background, title }: SvgFrame,
  style: string,
  shapes: string,
): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escapeXml(title)}</title>
<style>${style}</style>
<rect width="${width}" height="${height}" fill="${background}"/>
${shapes}
</svg>
`;
}

/** Draws stripes, `gap` CSS pixels from each other, which go on in what is beside. */
export function hatch(
  pen: Pen,
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
  color: string,
  gap: number,
): void {
  pen.strokeStyle = color;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let at = Math.floor(x / gap) * gap - height; at < x + width; at += gap) {
    const [from, to] = [Math.max(at, x), Math.min(at + height, x + width)];
    if (from >= to) continue;
    pen.moveTo(from, y + height + at - from);
    pen.lineTo(to, y + height + at - to);
  }
  pen.stroke();
}
