// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Draws a selection over time: stacked areas, or a row of colours for each lane, with what is missing marked.
 *
 * @module
 */

import type { BuildsJson, TimelineJson, WindowsJson } from "../../http/answers.ts";
import { SERIES, type Theme } from "../flame/colors.ts";
import { hatch, type Pen } from "../flame/pen.ts";
import type { TimeWindow } from "../state/range.ts";
import { shortName } from "./format.ts";
import type { Measure } from "./kind_words.ts";

/** Is what a time line shows. */
export interface TimelineShown {
  readonly timeline: TimelineJson;
  readonly measure: Measure;
  readonly windows: WindowsJson | undefined;
  readonly builds: BuildsJson["builds"];
  readonly window: TimeWindow;
  readonly theme: Theme;
  /** Is what is being selected, in Unix ms. */
  readonly brush?: TimeWindow | undefined;
  /** Is the moment under the pointer. */
  readonly at?: number | undefined;
  /** Is the row of colours under the pointer. */
  readonly row?: number | undefined;
  /** Lists other ranges that are marked, each with a letter. */
  readonly ranges: readonly (TimeWindow & { readonly name: string })[];
  readonly clock: (ms: number) => string;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

interface Ink {
  readonly grid: string;
  readonly text: string;
  /** Is of text that stands on areas, and what is around it. */
  readonly strong: string;
  readonly halo: string;
  readonly gap: string;
  readonly lost: string;
  readonly mark: string;
}

const INK: Readonly<Record<Theme, Ink>> = {
  light: {
    ...{ grid: "#00000014", text: "#67635c", strong: "#3b3833", halo: "#ffffffe0" },
    ...{ gap: "#00000026", lost: "#d97706", mark: "#7c2d92" },
  },
  dark: {
    ...{ grid: "#ffffff1c", text: "#a8a399", strong: "#f2efe9", halo: "#171614e0" },
    ...{ gap: "#ffffff30", lost: "#f59e0b", mark: "#d8a1ec" },
  },
};
/** Is how high areas are, and few rows of colours together. */
export const AREAS_HEIGHT = 96;
/** Is what is below the areas: the times, and the strip of losses. */
export const FOOT = 18;
const STRIP = 3;
/** So much of a step's events lost is worth a mark. */
export const LOSS_FROM = 0.01;

/** Returns where a moment is, in CSS pixels. */
export function xOf(ms: number, { from, to }: TimeWindow, width: number): number {
  return (ms - from) / (to - from) * width;
}

/** Returns the largest sum of all lanes in one step, times `scale`. */
export function peakOf({ lanes }: TimelineJson, scale: number): number {
  const steps = lanes[0]?.value.length ?? 0;
  let peak = 0;
  for (let i = 0; i < steps; i++) {
    peak = Math.max(peak, lanes.reduce((sum, { value }) => sum + (value[i] ?? 0), 0));
  }
  return peak * scale;
}

/** Returns round numbers from 0 to `peak`, three at most; of bytes they are round in units of 1024. */
export function ticksOf(peak: number, base: Measure["base"] = 10): number[] {
  if (peak <= 0) return [];
  const unit = base === 10 ? 1 : base ** Math.max(0, Math.floor(Math.log2(peak) / 10));
  if (unit > 1) return ticksOf(peak / unit).map((tick) => tick * unit);
  const raw = peak / 2;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [5, 2, 1].map((n) => n * size).find((n) => n <= raw) ?? raw;
  const ticks: number[] = [];
  for (let tick = step; tick <= peak && ticks.length < 4; tick += step) ticks.push(tick);
  return ticks;
}

/** Returns moments on round steps of a clock in `window`, so that labels of `room` pixels fit. */
function momentsOf({ from, to }: TimeWindow, width: number, room: number): number[] {
  const steps = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800];
  const least = (to - from) / 1000 / Math.max(1, width / room);
  const week = steps.at(-1)!;
  const step = (steps.find((step) => step >= least) ?? Math.ceil(least / week) * week) * 1000;
  const moments: number[] = [];
  for (let at = Math.ceil(from / step) * step; at < to; at += step) moments.push(at);
  return moments;
}

/** A time takes at least so much of an axis, in CSS pixels; one with its date as much as its letters, and the next stands apart. */
const [LEAST_TIME, TIME_LETTER, TIME_GAP] = [40, 6.2, 20];

/** Returns the times to write at an axis that is `width` pixels wide, and where; "" where there is no room for one. */
export function timesOf(
  window: TimeWindow,
  width: number,
  clock: (ms: number) => string,
): { readonly x: number; readonly text: string }[] {
  const room = Math.max(LEAST_TIME, clock(window.from).length * TIME_LETTER);
  return momentsOf(window, width, Math.max(90, room + TIME_GAP)).map((moment) => {
    const x = xOf(moment, window, width);
    return { x, text: x < width - room ? clock(moment) : "" };
  });
}

/** Draws stacked areas. */
export function drawAreas(context: Pen, shown: TimelineShown, size: Size): void {
  const { timeline, measure, window, theme } = shown;
  const { width } = size;
  const height = size.height - FOOT;
  const peak = peakOf(timeline, measure.scale) * 1.08 || 1;
  const first = Date.parse(timeline.from);
  const ms = timeline.step * 1000;
  const steps = timeline.lanes[0]?.value.length ?? 0;
  const below = new Float64Array(steps);
  const order = Array.from(below.keys());
  context.lineWidth = 1;
  timeline.lanes.forEach((lane, i) => {
    const values = lane.value.map((value) => value * measure.scale);
    context.beginPath();
    const edge = (from: (i: number) => number, { back }: { readonly back: boolean }) => {
      for (const at of back ? order.toReversed() : order) {
        const y = height - from(at) / peak * height;
        const [left, right] = [first + at * ms, first + (at + 1) * ms].map((t) => xOf(t, window, width));
        const ends = back ? [right!, left!] : [left!, right!];
        context.lineTo(ends[0]!, y);
        context.lineTo(ends[1]!, y);
      }
    };
    edge((at) => below[at]! + values[at]!, { back: false });
    edge((at) => below[at]!, { back: true });
    context.fillStyle = laneColor(i, lane.rest, theme);
    context.fill();
    values.forEach((value, at) => below[at]! += value);
  });
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "alphabetic";
  let above = Infinity;
  for (const tick of ticksOf(peak, measure.base)) {
    const y = Math.round(height - tick / peak * height) + 0.5;
    context.strokeStyle = INK[theme].grid;
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(width, y);
    context.stroke();
    const text = measure.base === 10 ? String(Number(tick.toPrecision(3))) : measure.format(tick);
    // The highest has no room above its line.
    const base = y < 14 ? y + 11 : y - 2;
    // Which may be where the one below it is.
    if (above - base < 11) continue;
    above = base;
    writeOn(context, text, { x: 2, y: base, theme });
  }
  drawMarks(context, shown, size);
}

/** Writes where areas of any colour may be behind it. */
function writeOn(
  context: Pen,
  text: string,
  { x, y, theme }: { readonly x: number; readonly y: number; readonly theme: Theme },
): void {
  context.strokeStyle = INK[theme].halo;
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeText(text, x, y);
  context.lineWidth = 1;
  context.fillStyle = INK[theme].strong;
  context.fillText(text, x, y);
}

/** A row of colours is at least so high in CSS pixels where there are few, and where there are many. */
const HEAT_ROW = 14;
const LEAST_HEAT_ROW = 2;
/** All rows together are higher only where each has the least height: what is higher scrolls. */
const HEAT_HEIGHT = 400;
/** A name needs so much height. */
const NAME_HEIGHT = 12;

/** Returns how high each of `rows` rows of colours is, in CSS pixels: two hundred nodes are one look. */
export function heatRowHeight(rows: number): number {
  const high = (all: number) => Math.floor(all / Math.max(rows, 1));
  return Math.max(LEAST_HEAT_ROW, Math.min(Math.max(HEAT_ROW, high(AREAS_HEIGHT)), high(HEAT_HEIGHT)));
}

/** Returns the lanes that have a row of colours, in order: all but the last where that is the others. */
export function rowLanes({ lanes }: TimelineJson): TimelineJson["lanes"] {
  return lanes.filter(({ rest }) => !rest);
}

/** Draws a row of colours for each lane. */
export function drawHeat(
  context: Pen,
  shown: TimelineShown,
  { width, height }: Size,
  labels: number,
): void {
  const { timeline, window, theme } = shown;
  const first = Date.parse(timeline.from);
  const lanes = rowLanes(timeline);
  const peak = Math.max(...lanes.map(({ value }) => Math.max(...value)), 1);
  const high = heatRowHeight(lanes.length);
  const named = Math.ceil(NAME_HEIGHT / high);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  lanes.forEach(({ name, value }, row) => {
    const y = row * high;
    value.forEach((amount, i) => {
      if (amount === 0) return;
      const left = labels + xOf(first + i * timeline.step * 1000, window, width - labels);
      const right = labels + xOf(first + (i + 1) * timeline.step * 1000, window, width - labels);
      context.fillStyle = heatColor(amount / peak, theme);
      context.fillRect(
        Math.floor(Math.max(labels, left)),
        y,
        Math.ceil(right - left),
        high > 4 ? high - 1 : high,
      );
    });
    // Where rows are low, the one that is pointed at has its name, and of those that are not beside it one of each few.
    const isPointed = row === shown.row;
    const isBeside = shown.row !== undefined && Math.abs(row - shown.row) < named;
    if (!isPointed && (isBeside || row % named !== 0)) return;
    context.fillStyle = isPointed ? INK[theme].strong : INK[theme].text;
    const text = shortName(name, 22) || "(none)";
    context.fillText(text, 2, y + Math.max(high, NAME_HEIGHT) / 2, labels - 6);
  });
  context.translate(labels, 0);
  drawMarks(context, shown, { width: width - labels, height });
  context.translate(-labels, 0);
}

/** Draws what is missing, what was lost, what was replaced, the times, and what is selected. */
function drawMarks(context: Pen, shown: TimelineShown, { width, height }: Size): void {
  const { windows, window, theme, builds, brush, at, ranges } = shown;
  const ink = INK[theme];
  const floor = height - FOOT;
  if (windows) {
    const first = Date.parse(windows.from);
    windows.agents.forEach((agents, i) => {
      const left = Math.max(0, xOf(first + i * windows.step * 1000, window, width));
      const right = Math.min(width, xOf(first + (i + 1) * windows.step * 1000, window, width));
      if (agents === 0) hatch(context, { x: left, y: 0, width: right - left, height: floor }, ink.gap, 8);
      const [lost, counted] = [windows.lost[i] ?? 0, windows.counted[i] ?? 0];
      if (lost > LOSS_FROM * (lost + counted)) {
        context.fillStyle = ink.lost;
        context.fillRect(left, floor, right - left, STRIP);
      }
    });
  }
  context.strokeStyle = context.fillStyle = ink.mark;
  for (const { first } of builds) {
    const x = xOf(Date.parse(first), window, width);
    if (x < 2) continue;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, floor);
    context.moveTo(x - 4, 0);
    context.lineTo(x + 4, 0);
    context.lineTo(x, 6);
    context.fill();
    context.stroke();
  }
  context.fillStyle = ink.text;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "alphabetic";
  for (const { x, text } of timesOf(window, width, shown.clock)) {
    context.fillRect(Math.round(x), floor, 1, STRIP + 1);
    context.fillText(text, x + 3, height - 4);
  }
  for (const range of ranges) {
    frame(context, { range, window, width, floor, color: ink.text });
    // Above it are the numbers.
    writeOn(context, range.name, { x: xOf(range.from, window, width) + 4, y: floor - 4, theme });
  }
  if (brush) {
    frame(context, { range: brush, window, width, floor, color: theme === "light" ? "#0072b2" : "#7cc4ee" });
  }
  if (at !== undefined) {
    context.fillStyle = ink.text;
    context.fillRect(Math.round(xOf(at, window, width)), 0, 1, floor);
  }
}

function frame(
  context: Pen,
  { range, window, width, floor, color }: {
    range: TimeWindow;
    window: TimeWindow;
    width: number;
    floor: number;
    color: string;
  },
): void {
  const [left, right] = [range.from, range.to].map((ms) => xOf(ms, window, width));
  context.globalAlpha = 0.18;
  context.fillStyle = color;
  context.fillRect(left!, 0, right! - left!, floor);
  context.globalAlpha = 1;
  context.strokeStyle = color;
  context.strokeRect(left! + 0.5, 0.5, right! - left! - 1, floor - 1);
}

/** Returns the colour of lane `index`. */
export function laneColor(index: number, rest: boolean, theme: Theme): string {
  const colors = SERIES[theme];
  return rest ? colors.at(-1)! : colors[index % (colors.length - 1)]!;
}

/** Returns a colour from the page's own to a dark or bright blue, equal steps of which look equal. */
export function heatColor(part: number, theme: Theme): string {
  const p = Math.sqrt(Math.min(1, Math.max(0, part)));
  return theme === "light"
    ? `oklch(${0.95 - 0.55 * p} ${0.02 + 0.12 * p} 250)`
    : `oklch(${0.28 + 0.55 * p} ${0.03 + 0.11 * p} 250)`;
}
