// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Draws a flame graph on a canvas: only what can be seen of it, at the screen's own resolution.
 *
 * @module
 */

import { colorsOf, type Theme } from "./colors.ts";
import { boxAt, depthOf, layOut, type Rect } from "./layout.ts";
import { descendantsAt, type FlameModel, pathOf } from "./model.ts";

/** A row has so many CSS pixels. */
export const ROW_HEIGHT = 20;
const GAP = 1;
const PADDING = 5;
/** A narrower box has no room for a letter and what stands for the rest. */
const TEXT_FROM = 28;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

const HIGHLIGHT = {
  light: { fill: "oklch(0.72 0.19 320)", text: "#1c1b1a" },
  dark: { fill: "oklch(0.62 0.2 320)", text: "#ffffff" },
} as const;
const FADED = {
  light: { fill: "#ecebe8", text: "#8b8883" },
  dark: { fill: "#34322f", text: "#98948c" },
} as const;
const OUTLINE = { light: "#1c1b1a", dark: "#ffffff" } as const;

export interface FlameViewElements {
  readonly canvas: HTMLCanvasElement;
  /** Scrolls; the canvas covers what can be seen of it. */
  readonly scroll: HTMLElement;
  /** Is as high as the whole graph. */
  readonly spacer: HTMLElement;
}

export interface FlameViewEvents {
  readonly onZoom: (box: number) => void;
  /** Is told the box under the pointer, or `undefined` when there is none. */
  readonly onHover: (box: number | undefined, point: { x: number; y: number }) => void;
  /** Is told which box has the keyboard focus now. */
  readonly onKeyboardFocus: (box: number) => void;
}

/** Is a canvas that shows one model. */
export class FlameView {
  readonly #elements: FlameViewElements;
  readonly #events: FlameViewEvents;
  readonly #context: CanvasRenderingContext2D;
  readonly #textWidth = new Map<string, number>();
  #model: FlameModel | undefined;
  #focus = 0;
  #matches: Uint8Array | undefined;
  #hovered: number | undefined;
  #keyboardFocus: number | undefined;
  #theme: Theme;
  #frame = 0;

  constructor(elements: FlameViewElements, events: FlameViewEvents) {
    this.#elements = elements;
    this.#events = events;
    this.#context = elements.canvas.getContext("2d", { alpha: false })!;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    this.#theme = dark.matches ? "dark" : "light";
    dark.addEventListener("change", () => {
      this.#theme = dark.matches ? "dark" : "light";
      this.redraw();
    });
    this.#listen();
  }

  /** Shows `model`, zoomed to `focus`. */
  show(model: FlameModel, focus: number): void {
    if (model !== this.#model) {
      this.#hovered = undefined;
      this.#keyboardFocus = undefined;
    }
    if (focus !== this.#focus) this.#elements.scroll.scrollTop = 0;
    this.#model = model;
    this.#focus = focus;
    this.#elements.spacer.style.height = `${depthOf(model, focus) * ROW_HEIGHT + GAP}px`;
    this.redraw();
  }

  /** Marks the boxes whose name is 1 in `names`; `undefined` marks none and fades none. */
  highlight(names: Uint8Array | undefined): void {
    this.#matches = names;
    this.redraw();
  }

  /** Draws with the next frame. */
  redraw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #listen(): void {
    const { canvas, scroll } = this.#elements;
    new ResizeObserver(() => this.redraw()).observe(scroll);
    scroll.addEventListener("scroll", () => {
      this.#hover(undefined, { x: 0, y: 0 });
      this.redraw();
    }, { passive: true });
    canvas.addEventListener("pointermove", (event) => {
      this.#hover(this.#boxUnder(event), { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointerleave", () => this.#hover(undefined, { x: 0, y: 0 }));
    canvas.addEventListener("click", (event) => {
      const box = this.#boxUnder(event);
      if (box !== undefined) this.#zoom(box);
    });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#focusByKeyboard(undefined));
  }

  #zoom(box: number): void {
    this.#keyboardFocus = this.#keyboardFocus === undefined ? undefined : box;
    this.#hover(undefined, { x: 0, y: 0 });
    this.#events.onZoom(box);
  }

  #hover(box: number | undefined, point: { x: number; y: number }): void {
    if (box !== this.#hovered) this.redraw();
    this.#hovered = box;
    this.#elements.canvas.style.cursor = box === undefined ? "default" : "pointer";
    this.#events.onHover(box, point);
  }

  #focusByKeyboard(box: number | undefined): void {
    this.#keyboardFocus = box;
    this.redraw();
    if (box === undefined) return;
    const { scroll } = this.#elements;
    const top = this.#model!.level[box]! * ROW_HEIGHT;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    const bottom = top + ROW_HEIGHT - scroll.clientHeight;
    if (bottom > scroll.scrollTop) scroll.scrollTop = bottom;
    this.#events.onKeyboardFocus(box);
  }

  #key(event: KeyboardEvent): void {
    const model = this.#model;
    if (!model || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.#keyboardFocus ?? this.#focus;
    const next = event.key.startsWith("Arrow") ? stepFrom(model, at, event.key) : undefined;
    if (next !== undefined) this.#focusByKeyboard(next);
    else if ((event.key === "Enter" || event.key === " ") && this.#keyboardFocus !== undefined) {
      this.#zoom(at);
    } else return;
    event.preventDefault();
  }

  #boxUnder(event: MouseEvent): number | undefined {
    if (!this.#model) return undefined;
    const { canvas, scroll } = this.#elements;
    const { left, top, width } = canvas.getBoundingClientRect();
    const level = Math.floor((event.clientY - top + scroll.scrollTop) / ROW_HEIGHT);
    return boxAt(this.#model, { focus: this.#focus, width }, { x: event.clientX - left, level });
  }

  #draw(): void {
    const model = this.#model;
    const { canvas, scroll } = this.#elements;
    if (!model || scroll.clientWidth === 0) return;
    const width = scroll.clientWidth;
    const height = scroll.clientHeight;
    const ratio = globalThis.devicePixelRatio || 1;
    const [pixelsX, pixelsY] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== pixelsX || canvas.height !== pixelsY) {
      canvas.width = pixelsX;
      canvas.height = pixelsY;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, -Math.round(scroll.scrollTop * ratio));
    context.fillStyle = getComputedStyle(canvas).backgroundColor;
    context.fillRect(0, scroll.scrollTop, width, height);
    context.font = FONT;
    context.textBaseline = "middle";
    const from = Math.floor(scroll.scrollTop / ROW_HEIGHT);
    const to = Math.ceil((scroll.scrollTop + height) / ROW_HEIGHT);
    const matches = this.#matches;
    const prefer = (box: number) => matches?.[model.name[box]!] === 1;
    for (const rect of layOut(model, { focus: this.#focus, width, from, to, prefer })) {
      this.#drawBox(model, rect);
    }
  }

  #drawBox(model: FlameModel, { box, run, level, x, width }: Rect): void {
    const context = this.#context;
    const y = level * ROW_HEIGHT + GAP;
    const height = ROW_HEIGHT - GAP;
    // A gap would swallow a narrow box.
    const drawn = width > 3 ? width - GAP : width;
    const name = model.name[box]!;
    const colors = this.#colors(model, name);
    context.globalAlpha = level < model.level[this.#focus]! ? 0.55 : 1;
    context.fillStyle = colors.fill;
    context.fillRect(x, y, drawn, height);
    if (!run && drawn >= TEXT_FROM) {
      context.fillStyle = colors.text;
      const text = this.#fit(model.names[name]!, drawn - 2 * PADDING);
      context.fillText(text, x + PADDING, y + height / 2 + 0.5);
    }
    context.globalAlpha = 1;
    if (!run && (box === this.#hovered || box === this.#keyboardFocus)) {
      context.strokeStyle = OUTLINE[this.#theme];
      context.lineWidth = box === this.#keyboardFocus ? 2 : 1;
      context.strokeRect(x + 0.5, y + 0.5, Math.max(drawn - 1, 0.5), height - 1);
    }
  }

  #colors(model: FlameModel, name: number) {
    if (this.#matches) return (this.#matches[name] === 1 ? HIGHLIGHT : FADED)[this.#theme];
    return colorsOf(model.names[name]!, model.modules[name]!, this.#theme);
  }

  /** Returns `text`, or as much of it as `width` pixels hold. */
  #fit(text: string, width: number): string {
    let full = this.#textWidth.get(text);
    if (full === undefined) this.#textWidth.set(text, full = this.#context.measureText(text).width);
    if (full <= width) return text;
    const letters = Math.floor(text.length * width / full) - 1;
    return letters < 1 ? "" : text.slice(0, letters) + "…";
  }
}

/** Returns the box that an arrow key leads to from `at`: down to the widest child, up to the caller, to a sibling. */
function stepFrom(model: FlameModel, at: number, key: string): number | undefined {
  const level = model.level[at]!;
  if (key === "ArrowUp") return model.parent[at]!;
  if (key === "ArrowDown") {
    if (level + 2 > model.levelStart.length - 1) return undefined;
    const [first, end] = descendantsAt(model, at, level + 1);
    let widest: number | undefined;
    for (let box = first; box < end; box++) {
      if (widest === undefined || model.width[box]! > model.width[widest]!) widest = box;
    }
    return widest;
  }
  const next = at + (key === "ArrowRight" ? 1 : -1);
  const [first, end] = descendantsAt(model, pathOf(model, at)[Math.max(0, level - 1)]!, level);
  return next >= first && next < end ? next : undefined;
}
