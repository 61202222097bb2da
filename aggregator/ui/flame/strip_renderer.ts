// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Draws boxes by their pixels: a line of pixels for each row, which the canvas makes as high as a row is. Tens of
 * thousands of narrow boxes take a few milliseconds so, of which as many rectangles take tens.
 *
 * @module
 */

import { Renderer } from "./renderer.ts";

/** Is where the lines are made, for as many frames as there are. */
export class Strips {
  readonly #canvas = document.createElement("canvas");
  readonly #one = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  /** Holds what the browser makes of colours, as the bytes of a pixel. */
  readonly #colors = new Map<string, number>();
  #image: ImageData | undefined;
  #pixels = new Uint32Array();
  /** Is the colour before: neighbours often have the same. */
  #last = { color: "", pixel: 0 };

  /** Makes room for `rows` empty lines of `width` pixels. */
  begin(width: number, rows: number): void {
    if (this.#image?.width === width && this.#image.height === rows) {
      this.#pixels.fill(0);
      return;
    }
    [this.#canvas.width, this.#canvas.height] = [width, rows];
    this.#image = new ImageData(width, rows);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /** Fills a line between two places, in pixels; what is narrower than a pixel takes the one that it is in. */
  fill(row: number, from: number, to: number, color: string): void {
    const width = this.#canvas.width;
    if (row < 0 || row >= this.#canvas.height) return;
    const first = Math.min(Math.max(0, Math.round(from)), width - 1);
    const end = Math.min(Math.max(first + 1, Math.round(to)), width);
    const pixel = this.#pixelOf(color);
    // Most boxes are a pixel or two wide, for which a call costs more than they do.
    for (let at = row * width + first, to = row * width + end; at < to; at++) this.#pixels[at] = pixel;
  }

  /** Returns a picture that is as high as there are lines. */
  end(): HTMLCanvasElement {
    this.#canvas.getContext("2d")!.putImageData(this.#image!, 0, 0);
    return this.#canvas;
  }

  #pixelOf(color: string): number {
    if (color === this.#last.color) return this.#last.pixel;
    let pixel = this.#colors.get(color);
    if (pixel === undefined) {
      this.#one.fillStyle = color;
      this.#one.fillRect(0, 0, 1, 1);
      pixel = new Uint32Array(this.#one.getImageData(0, 0, 1, 1).data.buffer)[0]!;
      this.#colors.set(color, pixel);
    }
    this.#last = { color, pixel };
    return pixel;
  }
}

export interface StripOptions {
  readonly strips: Strips;
  /** Says how many pixels one of CSS has. */
  readonly ratio: number;
  /** Is the canvas' width in pixels. */
  readonly width: number;
  /** Is how far rows are apart, in CSS pixels. */
  readonly pitch: number;
  /** Is the first row that is drawn, from the top, and how many there are. */
  readonly first: number;
  readonly rows: number;
}

/** Draws on a canvas, whose transformation is set; boxes stand in rows. */
export class StripRenderer extends Renderer {
  readonly #context: CanvasRenderingContext2D;
  readonly #options: StripOptions;
  /** Is how high the boxes are, in CSS pixels. */
  #height = 0;

  constructor(context: CanvasRenderingContext2D, options: StripOptions) {
    super(context);
    this.#context = context;
    this.#options = options;
    options.strips.begin(options.width, options.rows);
  }

  override rect(x: number, y: number, width: number, height: number, fill: string): void {
    const { strips, ratio, pitch, first } = this.#options;
    this.#height = height;
    strips.fill(Math.round(y / pitch) - first, x * ratio, (x + width) * ratio, fill);
  }

  override settle(): void {
    const { strips, ratio, width, pitch, first, rows } = this.#options;
    const picture = strips.end();
    this.#context.imageSmoothingEnabled = false;
    for (let row = 0; row < rows; row++) {
      const y = (first + row) * pitch;
      this.#context.drawImage(picture, 0, row, width, 1, 0, y, width / ratio, this.#height);
    }
  }
}
