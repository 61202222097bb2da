// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Draws how long things took: bars for powers of two in a row, and colours over time.
 *
 * @module
 */

import type { Theme } from "../flame/colors.ts";
import type { Picture } from "../flame/picture.ts";
import { svg } from "./dom.ts";
import { formatCount, formatNs } from "./format.ts";
import { FOOT, heatColor, timesOf } from "./timeline.ts";

const WIDTH = 120;
const HEIGHT = 16;
/** Bars are of these powers of two, in ns: from a microsecond to 18 minutes. */
const FROM = 8;
const TO = 40;

/** Draws the numbers of a histogram of log2(ns) as bars. */
export function bars(histogram: readonly number[]): Element {
  const counts = Array.from({ length: TO - FROM }, (_, i) => histogram[i + FROM] ?? 0);
  counts[0]! += histogram.slice(0, FROM).reduce((a, b) => a + b, 0);
  counts[counts.length - 1]! += histogram.slice(TO).reduce((a, b) => a + b, 0);
  const most = Math.max(...counts, 1);
  const largest = counts.indexOf(most) + FROM;
  const width = WIDTH / counts.length;
  const text = `Most took from ${formatNs(2 ** largest)} to ${formatNs(2 ** (largest + 1))}`;
  return svg(
    "svg",
    { class: "bars", width: WIDTH, height: HEIGHT, role: "img", "aria-label": text },
    svg("title", {}, document.createTextNode(text)),
    ...counts.flatMap((count, i) => {
      if (count === 0) return [];
      // What happened at all is to be seen.
      const high = Math.max(1, Math.sqrt(count / most) * HEIGHT);
      return [svg("rect", { x: i * width, y: HEIGHT - high, width: width - 0.5, height: high })];
    }),
  );
}

export interface HeatmapShown {
  readonly from: string;
  readonly step: number;
  readonly columns: readonly (readonly number[])[];
}

/** Returns a picture of counts by duration (up) and time (right), and what it says. */
export function latencyPicture(
  { from, step, columns }: HeatmapShown,
  { width, theme, clock }: { width: number; theme: Theme; clock: (ms: number) => string },
): Picture & { readonly text: string } {
  const used = columns.flatMap((column) => column.flatMap((count, i) => count > 0 ? [i] : []));
  const [low, high] = [Math.min(...used, 30), Math.max(...used, 10)];
  const rows = high - low + 1;
  const row = Math.max(6, Math.min(14, 200 / rows));
  const labels = 64;
  const height = rows * row + FOOT;
  const all = columns.flat();
  const most = Math.max(...all, 1);
  const each = (width - labels) / Math.max(columns.length, 1);
  const counted = formatCount(all.reduce((a, b) => a + b, 0));
  return {
    width,
    height,
    text: `Durations over time, from ${formatNs(2 ** low)} to ${
      formatNs(2 ** (high + 1))
    }; ${counted} in all`,
    draw: (pen) => {
      columns.forEach((column, i) => {
        column.forEach((count, power) => {
          if (count === 0) return;
          pen.fillStyle = heatColor(Math.log1p(count) / Math.log1p(most), theme);
          pen.fillRect(labels + i * each, (high - power) * row, Math.ceil(each), row - 1);
        });
      });
      pen.fillStyle = theme === "light" ? "#67635c" : "#a8a399";
      pen.font = "11px system-ui, sans-serif";
      pen.textBaseline = "middle";
      for (let power = low; power <= high; power++) {
        if ((power - low) % Math.ceil(14 / row) === 0) {
          pen.fillText(formatNs(2 ** power), 2, (high - power) * row + row / 2);
        }
      }
      const window = { from: Date.parse(from), to: Date.parse(from) + columns.length * step * 1000 };
      for (const { x, text } of timesOf(window, width - labels, clock)) {
        pen.fillText(text, labels + x + 2, height - 8);
        pen.fillRect(labels + x, height - FOOT, 1, 4);
      }
    },
  };
}
