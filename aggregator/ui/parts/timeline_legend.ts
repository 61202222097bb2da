// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says below the time line's title what its lanes are, how much they are, and what is marked under the pointer.
 *
 * @module
 */

import type { TimelineJson } from "../../http/answers.ts";
import { h } from "./dom.ts";
import { formatCount, shortModule } from "./format.ts";
import { laneColor, LOSS_FROM, peakOf, type TimelineShown, xOf } from "./timeline.ts";

/** The pointer is on a mark that is nearer. In CSS pixels. */
const NEAR = 6;

export interface LegendOptions {
  /** Says that the lanes are rows of colours. */
  readonly heat: boolean;
  /** Is how wide the times are, in CSS pixels. */
  readonly width: number;
  /** Is told that a lane was clicked, or left out. */
  readonly onlane: (name: string, operator: "=" | "!=") => void;
}

/** Returns the legend of what is shown: of a place where the pointer is on one, else of all the time. */
export function legendOf(shown: TimelineShown, { heat, width, onlane }: LegendOptions): HTMLElement[] {
  const { timeline, at, row, window, builds, measure } = shown;
  const { lanes, by } = timeline;
  const i = at === undefined ? -1 : Math.floor((at - Date.parse(timeline.from)) / 1000 / timeline.step);
  const item = (lane: TimelineJson["lanes"][number], at: number) => laneItem(shown, { lane, at, i, onlane });
  const build = at === undefined
    ? undefined
    : builds.find(({ first }) =>
      Math.abs(xOf(Date.parse(first), window, width) - xOf(at, window, width)) < NEAR
    );
  const lost = i >= 0 ? lostAt(shown, at!) : "";
  const peak = () => measure.format(peakOf({ ...timeline, lanes: lanes.slice(0, 1) }, measure.scale));
  return [
    ...(heat
      ? [
        h("small", { class: "quiet" }, `up to ${peak()} · ${by}`),
        ...(row === undefined ? [] : [item(lanes[row]!, row)]),
      ]
      : lanes.map(item)),
    ...(build
      ? [h("strong", {}, ` new build of ${shortModule(build.module)} (${build.build_id.slice(0, 8)})`)]
      : []),
    ...(lost === "" ? [] : [h("strong", {}, lost)]),
  ];
}

/** Makes a lane's dot, name and amount; `i` is the step that the pointer is on, -1 for none. */
function laneItem(
  { timeline: { by, lanes }, theme, measure }: TimelineShown,
  { lane: { name, rest, value }, at, i, onlane }: {
    readonly lane: TimelineJson["lanes"][number];
    readonly at: number;
    readonly i: number;
    readonly onlane: LegendOptions["onlane"];
  },
): HTMLElement {
  const steps = lanes[0]?.value.length || 1;
  const amount = i >= 0 ? value[i] ?? 0 : value.reduce((a, b) => a + b, 0) / steps;
  const dot = h("i", { class: "dot" });
  dot.style.background = laneColor(at, rest, theme);
  const text = rest ? "others" : shortModule(name) || "(none)";
  // A name from right to left keeps its amount behind it.
  const parts = [dot, h("bdi", {}, text), " ", h("small", {}, measure.format(amount * measure.scale))];
  if (rest) return h("span", { class: "lane" }, ...parts);
  return h("button", {
    class: "plain lane",
    title: `${by} ${name}: a click filters by it, with Alt it is left out`,
    onclick: (event: MouseEvent) => onlane(name, event.altKey ? "!=" : "="),
  }, ...parts);
}

/** Says what was lost at a moment, where that is worth a word. */
function lostAt({ windows }: TimelineShown, at: number): string {
  if (!windows) return "";
  const i = Math.floor((at - Date.parse(windows.from)) / 1000 / windows.step);
  const [lost, counted] = [windows.lost[i] ?? 0, windows.counted[i] ?? 0];
  if (windows.agents[i] === 0) return " no agent sent anything";
  return lost > LOSS_FROM * (lost + counted) ? ` ${formatCount(lost)} events lost` : "";
}
