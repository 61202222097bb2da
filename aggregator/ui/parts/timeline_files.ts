// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Makes files of the time line: a picture with what its colours are, and its numbers.
 *
 * @module
 */

import type { TimelineJson } from "../../http/answers.ts";
import { TEXT } from "../flame/colors.ts";
import type { Pen } from "../flame/pen.ts";
import { pictureFiles } from "../flame/picture.ts";
import { isoTime } from "../state/range.ts";
import { csvText } from "./csv.ts";
import { saveFile } from "./dom.ts";
import { shortModule } from "./format.ts";
import type { Measure } from "./kind_words.ts";
import type { MenuItem } from "./menu.ts";
import { laneColor, type Size, type TimelineShown } from "./timeline.ts";

type Lane = TimelineJson["lanes"][number];

/** A line of the legend is so high in CSS pixels. */
const LINE = 20;
const DOT = 10;
const GAP = 16;

/** Returns a line for each step: when it begins, and how much there was of each lane. */
export function timelineCsv({ from, step, lanes }: TimelineJson, { text, scale }: Measure): string {
  const first = Date.parse(from);
  const heads = lanes.map((lane) => `${laneText(lane)}: ${text}`);
  const steps = Array.from(lanes[0]?.value ?? [], (_, i) => [
    isoTime(first + i * step * 1000),
    ...lanes.map(({ value }) => value[i]! * scale),
  ]);
  return csvText([["Begin", ...heads], ...steps]);
}

/** Lists the files of what `draw` draws, as large as `size`. */
export function timelineFiles(name: string, { shown, size, legend, draw }: {
  readonly shown: TimelineShown;
  readonly size: Size;
  /** Lists what has a colour of its own. */
  readonly legend: readonly Lane[];
  readonly draw: (context: Pen) => void;
}): MenuItem[] {
  const { timeline, measure, theme } = shown;
  const places = placeLegend([measure.text, ...legend.map(laneText)], size.width);
  const whole = { width: size.width, height: size.height + (places.at(-1)!.line + 1) * LINE };
  const drawAll = (context: Pen) => {
    draw(context);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    places.forEach(({ text, x, line }, i) => {
      const y = size.height + line * LINE + LINE / 2;
      const lane = legend[i - 1];
      if (lane) {
        context.fillStyle = laneColor(i - 1, lane.rest, theme);
        context.fillRect(x, y - DOT / 2, DOT, DOT);
      }
      context.fillStyle = TEXT[theme];
      context.fillText(text, x + (lane ? DOT + 4 : 0), y);
    });
  };
  return [
    ...pictureFiles({ ...whole, draw: drawAll }, name),
    { text: "CSV", run: () => saveFile(`${name}.csv`, timelineCsv(timeline, measure)) },
  ];
}

/** Places texts after each other, in as many lines as they need; letters are reckoned as seven pixels wide. */
export function placeLegend(
  texts: readonly string[],
  width: number,
): { readonly text: string; readonly x: number; readonly line: number }[] {
  let [x, line] = [4, 0];
  return texts.map((text) => {
    const room = DOT + 4 + text.length * 7;
    if (x > 4 && x + room > width) [x, line] = [4, line + 1];
    const placed = { text, x, line };
    x += room + GAP;
    return placed;
  });
}

function laneText({ name, rest }: Lane): string {
  return rest ? "others" : shortModule(name) || "(none)";
}
