// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the time line over every view: a drag selects, the wheel zooms, a double click widens.
 *
 * @module
 */

import { type AnyKind, isProfileType } from "../../../profile/profile_type.ts";
import type { BuildsJson, TimelineJson, WindowsJson } from "../../http/answers.ts";
import type { Pen } from "../flame/pen.ts";
import { preparePen } from "../flame/picture.ts";
import { selectionParams } from "../state/api.ts";
import { clock, isoTime, shift, stepOf, type TimeWindow, widen } from "../state/range.ts";
import { withFilter } from "../state/selector.ts";
import type { State } from "../state/url_state.ts";
import type { App } from "./app.ts";
import { Changes } from "./changes.ts";
import { choice, h } from "./dom.ts";
import { fileName } from "./format.ts";
import { measureOf } from "./kind_words.ts";
import { exportButton, type MenuItem } from "./menu.ts";
import { Part } from "./part.ts";
import {
  AREAS_HEIGHT,
  drawAreas,
  drawHeat,
  FOOT,
  heatRowHeight,
  rowLanes,
  type Size,
  type TimelineShown,
} from "./timeline.ts";
import { timelineFiles } from "./timeline_files.ts";
import { legendOf } from "./timeline_legend.ts";

const MAX_STEPS = 200;
const HEIGHT = AREAS_HEIGHT + FOOT;
/** So many rows of colours are asked for. */
const HEAT_LANES = 200;
const LANES = 7;
/** Is the width of the names beside rows of colours. In CSS pixels. */
const LABELS = 150;
/** A drag over less is a click. */
const DRAG_FROM = 4;

export interface TimelineAsked {
  readonly kind: AnyKind;
  /** Is what is shown, which may be more than what is selected. */
  readonly window: TimeWindow;
  readonly ranges: readonly (TimeWindow & { readonly name: string })[];
  readonly onbrush: (window: TimeWindow, other: boolean) => void;
  /** Is told how many events of all kinds agents counted in the time that is shown. */
  readonly oncounted: (events: number) => void;
  /** Is told how much there is of all that is shown. */
  readonly ontotal: (total: number) => void;
}

interface Drawn {
  readonly shown: TimelineShown;
  readonly size: Size;
}

/** Draws the time line, and turns the pointer into ranges. */
export class TimelinePart {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #canvas: HTMLCanvasElement;
  readonly #title = h("span", { class: "quiet" });
  readonly #legend = h("div", { class: "lanes" });
  readonly #mode;
  readonly #box: HTMLElement;
  /** Is what was drawn last. */
  #drawn: Drawn | undefined;
  readonly #part: Part<TimelineJson>;
  readonly #more: Part<{ windows: WindowsJson | undefined; builds: BuildsJson["builds"] }>;
  #asked: TimelineAsked | undefined;
  #brush: TimeWindow | undefined;
  #at: number | undefined;
  /** Is the row of colours under the pointer. */
  #row: number | undefined;
  #frame = 0;
  readonly #changes = new Changes();
  /** Is the room for the picture, which is told when it changes: to ask for it would have the page laid out. */
  #width = 0;

  constructor(app: App) {
    this.#app = app;
    this.#canvas = h("canvas", {
      tabindex: 0,
      role: "img",
      "aria-label": "Time line. [ and ] move the range, + and - zoom.",
    });
    this.#mode = choice("Time line", [["areas", "Areas"], ["heat", "Heat map"]], (mode) => {
      app.store.set({ heat: mode === "heat" });
    });
    this.#box = h("div", { class: "timeline-box" }, this.#canvas);
    this.root = h(
      "section",
      { class: "timeline card", "aria-label": "Time line" },
      h(
        "div",
        { class: "row" },
        ...[
          this.#title,
          this.#legend,
          this.#mode.root,
          exportButton(() => this.#files()),
        ],
      ),
      this.#box,
    );
    const redraw = () => this.#redraw();
    this.#part = new Part<TimelineJson>({
      root: this.root,
      draw: (answer) => {
        const sum = (part: "value" | "count") =>
          answer.lanes.reduce((all, lane) => all + lane[part].reduce((a, b) => a + b, 0), 0);
        app.note(answer, answer.selection.kind, sum("count"));
        this.#asked?.ontotal(sum("value"));
        redraw();
      },
    });
    this.#more = new Part({
      root: h("div"),
      draw: ({ windows }) => {
        if (windows) this.#asked?.oncounted(windows.counted.reduce((a, b) => a + b, 0));
        redraw();
      },
    });
    new ResizeObserver(([entry]) => {
      this.#width = Math.floor(entry!.contentRect.width);
      redraw();
    }).observe(this.#box);
    this.#listen();
  }

  update(state: State, asked: TimelineAsked): void {
    this.#asked = asked;
    const { kind, window } = asked;
    const { match, idle } = state;
    const by = state.group.split(",")[0] || "node";
    const step = stepOf(window, state.heat ? MAX_STEPS / 2 : MAX_STEPS);
    const params = selectionParams({ kind, window, match, idle }, {
      by: by === "none" ? "node" : by,
      step,
      limit: state.heat ? HEAT_LANES : LANES,
    });
    this.#mode.show(state.heat ? "heat" : "areas");
    this.#part.ask(
      String(params),
      (signal) => this.#app.api.get<TimelineJson>("/api/timeline", params, signal),
    );
    const windows = selectionParams({ window, match: "" }, { step: Math.max(step, 10) });
    const builds = selectionParams({ kind, window, match, idle }, { limit: 30 });
    this.#more.ask(`${windows} ${builds}`, async (signal) => {
      const [first, second] = await Promise.all([
        // What others push does not come with agents' windows.
        isProfileType(kind) ? undefined : this.#app.api.get<WindowsJson>("/api/windows", windows, signal),
        isProfileType(kind) ? { builds: [] } : this.#app.api.get<BuildsJson>("/api/builds", builds, signal),
      ]);
      return { windows: first, builds: newBuilds(second.builds, window) };
    });
  }

  /** Stops what is under way, and forgets what was asked. */
  stop(): void {
    this.#part.stop();
    this.#more.stop();
  }

  /** Takes a key. */
  press(key: string): boolean {
    const { window } = this.#app.store;
    if (key === "[" || key === "]") this.#select(shift(window, key === "[" ? -1 : 1));
    else if (key === "+" || key === "-") this.#select(widen(window, key === "-" ? 2 : 0.5));
    else return false;
    return true;
  }

  #select({ from, to }: TimeWindow): void {
    this.#app.store.set({
      from: isoTime(from),
      to: isoTime(Math.min(to, Math.ceil(Date.now() / 1e4) * 1e4)),
      live: false,
    });
  }

  #listen(): void {
    const canvas = this.#canvas;
    let from: number | undefined;
    const moment = (event: MouseEvent) => this.#momentAt(event.clientX - canvas.getBoundingClientRect().left);
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || moment(event) === undefined) return;
      from = event.clientX;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      this.#at = moment(event);
      this.#row = this.#rowAt(event);
      if (from !== undefined && Math.abs(event.clientX - from) >= DRAG_FROM) {
        this.#brush = this.#rangeOf(
          from - canvas.getBoundingClientRect().left,
          event.clientX - canvas.getBoundingClientRect().left,
        );
      }
      this.#redraw();
    });
    canvas.addEventListener("pointerup", (event) => {
      const brush = this.#brush;
      const dragged = from !== undefined;
      from = this.#brush = undefined;
      if (brush) this.#asked?.onbrush(brush, event.shiftKey);
      else if (dragged && this.#app.store.state.heat) this.#pickCell(event);
      this.#redraw();
    });
    canvas.addEventListener("pointerleave", () => {
      this.#at = this.#row = undefined;
      this.#redraw();
    });
    canvas.addEventListener("dblclick", () => this.#select(widen(this.#app.store.window, 2)));
    canvas.addEventListener("wheel", (event) => {
      // Without a key the wheel scrolls the page, as everywhere.
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      const { width, left } = canvas.getBoundingClientRect();
      this.#select(
        widen(this.#app.store.window, event.deltaY > 0 ? 1.5 : 1 / 1.5, (event.clientX - left) / width),
      );
    }, { passive: false });
  }

  get #left(): number {
    return this.#app.store.state.heat ? LABELS : 0;
  }

  #momentAt(x: number): number | undefined {
    const { window } = this.#asked ?? {};
    const width = this.#width - this.#left;
    if (!window || x < this.#left || width <= 0) return undefined;
    return window.from + (x - this.#left) / width * (window.to - window.from);
  }

  #rangeOf(a: number, b: number): TimeWindow | undefined {
    const { window } = this.#asked!;
    const clamp = (x: number) =>
      Math.min(Math.max(this.#momentAt(Math.max(x, this.#left)) ?? window.from, window.from), window.to);
    const [from, to] = [clamp(Math.min(a, b)), clamp(Math.max(a, b))].map((ms) =>
      Math.round(ms / 10_000) * 10_000
    );
    return from! < to! ? { from: from!, to: to! } : undefined;
  }

  /** Filters by the lane of a cell, and selects its time. */
  #pickCell(event: PointerEvent): void {
    const timeline = this.#part.answer;
    const { left } = this.#canvas.getBoundingClientRect();
    const lane = timeline?.lanes[this.#rowAt(event) ?? -1];
    if (!timeline || !lane) return;
    const { store } = this.#app;
    const match = withFilter(store.state.match, { label: timeline.by, operator: "=", value: lane.name });
    const at = this.#momentAt(event.clientX - left);
    if (at === undefined) return store.set({ match });
    const first = Date.parse(timeline.from);
    const step = timeline.step * 1000;
    const from = first + Math.floor((at - first) / step) * step;
    store.set({ match, from: isoTime(from), to: isoTime(from + step), live: false });
  }

  /** Returns the row of colours at a place, which is that of its lane: others are one lane, the last. */
  #rowAt(event: PointerEvent): number | undefined {
    const timeline = this.#part.answer;
    if (!timeline || !this.#app.store.state.heat) return undefined;
    const rows = rowLanes(timeline).length;
    const row = Math.floor((event.clientY - this.#canvas.getBoundingClientRect().top) / heatRowHeight(rows));
    return row < rows ? row : undefined;
  }

  #redraw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    const timeline = this.#part.answer;
    const asked = this.#asked;
    const width = this.#width;
    if (!timeline || !asked || width === 0) return;
    const { state } = this.#app.store;
    const [zone, theme] = [this.#app.zone(), this.#app.theme()];
    const { window: { from, to }, kind, ranges } = asked;
    const marks = JSON.stringify([ranges, this.#brush]);
    const screen = [width, globalThis.devicePixelRatio, theme, zone];
    const more = this.#more.answer;
    if (
      !this.#changes.of(timeline, more, from, to, kind, state.heat, marks, this.#at, this.#row, ...screen)
    ) return;
    const rows = rowLanes(timeline).length;
    const height = state.heat ? Math.max(1, rows) * heatRowHeight(rows) + FOOT : HEIGHT;
    const context = preparePen(this.#canvas, { width, height });
    const shown: TimelineShown = {
      timeline,
      measure: measureOf(asked.kind, timeline.step),
      windows: more?.windows,
      builds: more?.builds ?? [],
      window: asked.window,
      theme,
      brush: this.#brush,
      at: this.#at,
      row: this.#row,
      ranges: asked.ranges,
      clock: (ms) => clock(ms, { zone, near: asked.window.to }),
    };
    this.#drawn = { shown, size: { width, height } };
    this.#drawOn(context, this.#drawn);
    this.#showLegend(shown);
  }

  #drawOn(context: Pen, { shown, size }: Drawn): void {
    if (this.#app.store.state.heat) drawHeat(context, shown, size, LABELS);
    else drawAreas(context, shown, size);
  }

  #files(): MenuItem[] {
    const drawn = this.#drawn;
    if (!drawn) return [];
    const { lanes, selection } = drawn.shown.timeline;
    const name = fileName(`time-line-${selection.kind}`, selection.to);
    const legend = this.#app.store.state.heat ? [] : lanes;
    return timelineFiles(name, { ...drawn, legend, draw: (context) => this.#drawOn(context, drawn) });
  }

  /** Says what is under the pointer; else what the lanes are, and what is marked. */
  #showLegend(shown: TimelineShown): void {
    const { store } = this.#app;
    const { heat } = store.state;
    const { timeline: { by }, at, window, measure } = shown;
    const zone = this.#app.zone();
    const when = at === undefined ? "" : ` at ${clock(at, { zone, near: window.to, seconds: true })}`;
    this.#title.textContent = `${measure.text}${when}`;
    const onlane = (value: string, operator: "=" | "!=") =>
      store.set({ match: withFilter(store.state.match, { label: by, operator, value }) });
    this.#legend.replaceChildren(...legendOf(shown, { heat, width: this.#width - this.#left, onlane }));
  }
}

/** Returns builds that were not there from the begin on: those that came while the window lasted. */
function newBuilds(builds: BuildsJson["builds"], window: TimeWindow): BuildsJson["builds"] {
  const first = new Map<string, number>();
  for (const { module, first: at } of builds) {
    first.set(module, Math.min(first.get(module) ?? Infinity, Date.parse(at)));
  }
  return builds.filter((build) => {
    const at = Date.parse(build.first);
    return at > first.get(build.module)! && at > window.from;
  });
}
