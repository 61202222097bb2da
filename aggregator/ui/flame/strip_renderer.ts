// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Draws boxes by their pixels: a line of pixels for each row, which the canvas makes as high as a row is. Tens of
 * thousands of narrow boxes take a few milliseconds so, of which as many rectangles take tens.
 *
 * @module
 */

import { type Boxes, Renderer } from "./renderer.ts";

/** Is where the lines are made, for as many frames as there are. */
export class Strips {
  readonly #canvas = document.createElement("canvas");
  readonly #one = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  /** Holds what the browser makes of colours, as the bytes of a pixel. */
  readonly #colors = new Map<string, number>();
  #image: ImageData | undefined;
  #pixels = new Uint32Array();
  /** Holds the pixel of each box that was drawn, and 0 for the others, as long as `fill` says what they look like. */
  #known: { readonly fill: Boxes["fill"]; readonly pixels: Uint32Array } | undefined;

  /** Returns a picture of `rows` lines of `width` pixels, with what of the boxes is in them. */
  draw(boxes: Boxes, { ratio, width, pitch, first, rows }: StripOptions): HTMLCanvasElement {
    this.#clear(width, rows);
    const { rects, names, fill, matches, y } = boxes;
    if (this.#known?.fill !== fill || this.#known.pixels.length !== names.length) {
      this.#known = { fill, pixels: new Uint32Array(names.length) };
    }
    const { count, box: boxAt, level: levelAt, x: xAt, width: widthAt } = rects;
    const [lines, known, faded] = [this.#pixels, this.#known.pixels, this.#pixelOf(boxes.faded)];
    let [level, line] = [-1, -1];
    for (let i = 0; i < count; i++) {
      if (levelAt[i] !== level) {
        level = levelAt[i]!;
        const row = Math.round(y(level) / pitch) - first;
        line = row < 0 || row >= rows ? -1 : row * width;
      }
      if (line < 0) continue;
      const box = matches ? rects.boxOf(i, boxes) : boxAt[i]!;
      let pixel = faded;
      // It is asked here what isFaded() says, as a call costs more than most boxes, which are a pixel or two wide.
      if (!matches || box > 0 && matches[names[box]!] === 1) {
        pixel = known[box]!;
        if (pixel === 0) pixel = known[box] = this.#pixelOf(fill(box).fill);
      }
      // What is narrower than a pixel takes the one that it is in.
      const from = Math.min(Math.max(0, xAt[i]! * ratio + 0.5 | 0), width - 1);
      const to = Math.min(Math.max(from + 1, (xAt[i]! + widthAt[i]!) * ratio + 0.5 | 0), width);
      for (let at = line + from; at < line + to; at++) lines[at] = pixel;
    }
    this.#canvas.getContext("2d")!.putImageData(this.#image!, 0, 0);
    return this.#canvas;
  }

  /** Makes room for `rows` empty lines of `width` pixels. */
  #clear(width: number, rows: number): void {
    if (this.#image?.width === width && this.#image.height === rows) {
      this.#pixels.fill(0);
      return;
    }
    [this.#canvas.width, this.#canvas.height] = [width, rows];
    this.#image = new ImageData(width, rows);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  #pixelOf(color: string): number {
    let pixel = this.#colors.get(color);
    if (pixel === undefined) {
      this.#one.fillStyle = color;
      this.#one.fillRect(0, 0, 1, 1);
      pixel = new Uint32Array(this.#one.getImageData(0, 0, 1, 1).data.buffer)[0]!;
      this.#colors.set(color, pixel);
    }
    return pixel;
  }
}

export interface StripOptions {
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
  readonly #strips: Strips;
  readonly #options: StripOptions;

  constructor(context: CanvasRenderingContext2D, strips: Strips, options: StripOptions) {
    super(context);
    this.#context = context;
    this.#strips = strips;
    this.#options = options;
  }

  override boxes(boxes: Boxes): void {
    const { ratio, width, pitch, first, rows } = this.#options;
    const picture = this.#strips.draw(boxes, this.#options);
    this.#context.imageSmoothingEnabled = false;
    for (let row = 0; row < rows; row++) {
      this.#context.drawImage(
        picture,
        0,
        row,
        width,
        1,
        0,
        (first + row) * pitch,
        width / ratio,
        boxes.height,
      );
    }
  }
}
