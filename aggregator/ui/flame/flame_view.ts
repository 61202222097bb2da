// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows a flame graph on a canvas: draws what is in sight, and turns the pointer and keys into boxes.
 *
 * @module
 */

import { h } from "../parts/dom.ts";
import { OUTLINE } from "./colors.ts";
import { drawFlame, Layout, levelAt, levelsIn, ROW_HEIGHT, type Scene, type Sight, yOf } from "./draw.ts";
import { boxAt, depthOf, placeOf } from "./layout.ts";
import { boxesOf, descendantsAt, type FlameModel, pathHash, pathOf } from "./model.ts";
import { type Picture, preparePen } from "./picture.ts";
import { Renderer } from "./renderer.ts";
import { StripRenderer, Strips } from "./strip_renderer.ts";

export interface FlameEvents {
  /** Is told which box is looked at, by the pointer or by keys; `undefined` for none any more. */
  readonly onhover: (box: number | undefined) => void;
  readonly onpick: (box: number, event: { readonly shift: boolean; readonly alt: boolean }) => void;
  readonly onmenu: (box: number, at: { readonly x: number; readonly y: number }) => void;
  /** Says a box in words, for those who do not see it. */
  readonly describe: (box: number) => string;
}

/** Is one canvas of boxes, as high as they are, in a part of the page that scrolls. */
export class FlameView {
  readonly root: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #overlay: HTMLCanvasElement;
  readonly #spacer = h("div", { class: "spacer" });
  readonly #spoken = h("p", { class: "hidden", "aria-live": "polite" });
  readonly #events: FlameEvents;
  #scene: Scene | undefined;
  #hovered: number | undefined;
  #key: number | undefined;
  /** Is where the keys were when the focus went elsewhere. */
  #left: number | undefined;
  /** Is the row of the names whose boxes are outlined, as one of them is looked at elsewhere. */
  #outlined: number | undefined;
  /** Is the frame that draws, 0 for none. */
  #frame = 0;
  #isDue = false;
  /** Is how high all levels are, in CSS pixels. */
  #height = 0;
  /** Is the size of what can be seen, which is told when it changes: to ask for it would have the page laid out. */
  #size = { width: 0, height: 0 };
  /** Is how far the root is scrolled, and how far it is to be before it is drawn again. */
  #top = 0;
  #wantedTop: number | undefined;
  readonly #strips = new Strips();
  readonly #layout = new Layout();

  constructor(label: string, events: FlameEvents) {
    this.#events = events;
    this.#canvas = h("canvas", {
      tabindex: 0,
      role: "application",
      "aria-roledescription": "flame graph",
      "aria-label":
        `${label}. Arrows walk from box to box, Enter zooms, m opens the menu; the table has the same.`,
    });
    this.#overlay = h("canvas", { class: "overlay", "aria-hidden": "true" });
    this.#overlay.style.visibility = "hidden";
    this.#spacer.append(this.#canvas, this.#overlay);
    this.root = h("div", { class: "flame" }, this.#spacer, this.#spoken);
    this.root.addEventListener("scroll", () => {
      // Where the view itself scrolled, it has been drawn.
      if (this.root.scrollTop === this.#top) return;
      this.#top = this.root.scrollTop;
      this.#drawInFrame();
    });
    new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      this.#size = { width: Math.floor(width), height: Math.floor(height) };
      // A view that was away comes back as the browser likes.
      this.#top = this.root.scrollTop;
      this.#drawInFrame();
    }).observe(this.root);
    const canvas = this.#canvas;
    canvas.addEventListener("pointermove", (event) => this.#look(this.#under(event)));
    canvas.addEventListener("pointerleave", () => this.#look(undefined));
    canvas.addEventListener("click", (event) => {
      const box = this.#under(event);
      if (box !== undefined) events.onpick(box, { shift: event.shiftKey, alt: event.altKey });
    });
    canvas.addEventListener("contextmenu", (event) => {
      const box = this.#under(event);
      if (box === undefined) return;
      event.preventDefault();
      events.onmenu(box, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("keydown", (event) => this.#press(event));
    canvas.addEventListener("blur", () => {
      const at = this.#key;
      this.#walk(undefined);
      this.#left = at;
    });
    // Who closes a menu goes on from the box that it was of.
    canvas.addEventListener("focus", () => this.#walk(this.#left));
    canvas.addEventListener("pointerdown", () => this.#left = undefined);
  }

  get scene(): Scene | undefined {
    return this.#scene;
  }

  show(scene: Scene): void {
    const before = this.#scene;
    const { model, focus } = scene;
    const isOther = before && before.model !== model;
    if (isOther) this.#hovered = this.#key = this.#left = undefined;
    // The same box in a graph of another time, or with more boxes, stays where it is; with the root below that is not known.
    const moved = scene.up !== before?.up ||
      (isOther
        ? scene.up || pathHash(before.model, before.focus) !== pathHash(model, focus)
        : focus !== before.focus);
    this.#scene = scene;
    this.#height = (depthOf(model, focus) + 1) * ROW_HEIGHT;
    if (moved) {
      const way = model.level[focus]! * ROW_HEIGHT;
      // What is zoomed to is to be seen, with some of the way to it.
      const top = Math.max(0, way - this.#size.height / 2);
      this.#wantedTop = scene.up ? this.#height - this.#size.height - top : top;
    }
    this.redraw();
  }

  /** Outlines the boxes of a function. */
  outline(name: number | undefined): void {
    if (name === this.#outlined) return;
    this.#outlined = name;
    this.#drawOverlay();
  }

  /** Scrolls until `box` can be seen. */
  reveal(box: number): void {
    if (!this.#scene) return;
    const y = yOf(this.#scene.model.level[box]!, this.#ground);
    const top = this.#wantedTop ?? this.#top;
    const wanted = Math.max(Math.min(top, y), y + ROW_HEIGHT - this.#size.height);
    if (wanted === top) return;
    this.#wantedTop = wanted;
    this.redraw();
  }

  get #sight(): Sight {
    const { width, height } = this.#size;
    return { width, ...this.#ground, top: this.#top, bottom: this.#top + height };
  }

  /** Is where the root is: what has it below stands on the floor of the view, however few levels there are. */
  get #ground(): { readonly up: boolean; readonly height: number } {
    const { up } = this.#scene!;
    const { height } = this.#size;
    return { up, height: Math.max(this.#height, up ? height - height % ROW_HEIGHT : 0) };
  }

  /** Draws once all that happens now is known, and not in the next frame, which would begin late by as much. */
  redraw(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  /** Draws with the frame that scrolling and sizes are told in, or the next. */
  #drawInFrame(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    cancelAnimationFrame(this.#frame);
    const scene = this.#scene;
    const { width, height } = this.#size;
    if (!scene || width === 0 || height === 0) return;
    this.#scroll();
    const context = this.#prepare(this.#canvas);
    const sight = this.#sight;
    const { from, to } = levelsIn(sight, scene.up);
    const renderer = new StripRenderer(context, this.#strips, {
      ratio: globalThis.devicePixelRatio || 1,
      width: this.#canvas.width,
      pitch: ROW_HEIGHT,
      first: yOf(scene.up ? to - 1 : from, this.#ground) / ROW_HEIGHT,
      rows: to - from,
    });
    drawFlame(renderer, scene, sight, this.#layout);
    this.#drawOverlay();
  }

  /** Returns the whole graph, as it is shown now; `undefined` where nothing is. */
  picture(): Picture | undefined {
    const scene = this.#scene;
    if (!scene) return undefined;
    const size = { width: Math.max(this.root.clientWidth, 800), height: this.#height };
    const sight = { ...size, top: 0, bottom: this.#height };
    return { ...size, draw: (pen) => drawFlame(new Renderer(pen), scene, sight) };
  }

  /** Makes room for all levels, and goes where `#wantedTop` is; what is there already is not touched. */
  #scroll(): void {
    const room = `${this.#height}px`;
    if (this.#spacer.style.height !== room) this.#spacer.style.height = room;
    const wanted = this.#wantedTop ?? this.#top;
    const top = Math.max(0, Math.min(wanted, this.#height - this.#size.height));
    this.#wantedTop = undefined;
    if (top === this.#top) return;
    this.root.scrollTop = top;
    this.#top = this.root.scrollTop;
  }

  /** Makes a canvas as large as what can be seen, puts it there, and clears it. */
  #prepare(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
    const place = `translateY(${this.#top}px)`;
    if (canvas.style.transform !== place) canvas.style.transform = place;
    return preparePen(canvas, { ...this.#size, top: this.#top });
  }

  #drawOverlay(): void {
    const scene = this.#scene;
    const marked = this.#key ?? this.#hovered;
    const name = marked !== undefined ? scene?.model.name[marked] : this.#outlined;
    const { width, height } = this.#size;
    // A canvas costs a frame its pixels, whatever is on it.
    const isEmpty = !scene || name === undefined || width === 0 || height === 0;
    this.#overlay.style.visibility = isEmpty ? "hidden" : "";
    if (isEmpty) return;
    const { model, focus, up, theme } = scene;
    const { from, to } = levelsIn(this.#sight, up);
    const renderer = new Renderer(this.#prepare(this.#overlay));
    // What is no code has its name by chance.
    const boxes = model.modules[name] === "" ? marked === undefined ? [] : [marked] : boxesOf(model, name);
    for (const box of boxes) {
      const level = model.level[box]!;
      const place = level >= from && level < to ? placeOf(model, { focus, width }, box) : undefined;
      if (!place) continue;
      const y = yOf(level, this.#ground);
      renderer.outline(place.x, y, Math.max(place.width - 1, 2), ROW_HEIGHT - 1, OUTLINE[theme]);
    }
  }

  #look(box: number | undefined): void {
    if (box === this.#hovered) return;
    this.#hovered = box;
    this.#canvas.style.cursor = box === undefined ? "default" : "pointer";
    this.#drawOverlay();
    this.#events.onhover(box);
  }

  #under(event: MouseEvent): number | undefined {
    const scene = this.#scene;
    if (!scene) return undefined;
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const y = event.clientY - top + this.#top;
    const level = levelAt(y, this.#ground);
    return boxAt(scene.model, { focus: scene.focus, width }, { x: event.clientX - left, level });
  }

  #walk(box: number | undefined): void {
    this.#key = box;
    if (box !== undefined) {
      this.reveal(box);
      this.#spoken.textContent = this.#events.describe(box);
      this.#events.onhover(box);
    }
    this.#drawOverlay();
  }

  #press(event: KeyboardEvent): void {
    const scene = this.#scene;
    if (!scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.#key ?? scene.focus;
    if (event.key.startsWith("Arrow")) {
      const flipped: Record<string, string> = { ArrowUp: "ArrowDown", ArrowDown: "ArrowUp" };
      const next = stepFrom(scene.model, at, scene.up ? flipped[event.key] ?? event.key : event.key);
      if (next !== undefined) this.#walk(next);
    } else if (event.key === "Enter" || event.key === " ") {
      this.#events.onpick(at, { shift: event.shiftKey, alt: false });
    } else if (event.key === "m" || event.key === "ContextMenu") {
      const { left, top } = this.#canvas.getBoundingClientRect();
      const y = yOf(scene.model.level[at]!, this.#ground) - this.#top;
      this.#events.onmenu(at, { x: left + 40, y: top + y + ROW_HEIGHT });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Returns the box that an arrow key leads to: to the widest callee, to the caller, to a sibling. */
function stepFrom(model: FlameModel, at: number, key: string): number | undefined {
  const level = model.level[at]!;
  if (key === "ArrowUp") return at === 0 ? undefined : model.parent[at];
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
