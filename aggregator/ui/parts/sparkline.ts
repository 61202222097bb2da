// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Draws a value over time as small as a word.
 *
 * @module
 */

import type { TimelineJson } from "../../http/answers.ts";
import { svg } from "./dom.ts";

const WIDTH = 72;
const HEIGHT = 16;

/** Returns a picture of `values`, the highest of which is as high as the picture. */
export function sparkline(values: readonly number[]): SVGElement {
  const path = sparkPath(values, { width: WIDTH, height: HEIGHT });
  return svg(
    "svg",
    {
      class: "spark",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      width: WIDTH,
      height: HEIGHT,
      "aria-hidden": "true",
    },
    svg("path", { d: path }),
  );
}

/** Returns the outline of the area below `values`, each as wide as the others. */
export function sparkPath(
  values: readonly number[],
  { width, height }: { readonly width: number; readonly height: number },
): string {
  const peak = Math.max(...values, 0) || 1;
  const round = (value: number) => Math.round(value * 10) / 10;
  const steps = values.map((value, i) =>
    `V${round(height - value / peak * height)}H${round((i + 1) * width / values.length)}`
  );
  return `M0 ${height}${steps.join("")}V${height}Z`;
}

/** Returns the values of all lanes together. */
export function sumOfLanes({ lanes }: TimelineJson): number[] {
  return (lanes[0]?.value ?? []).map((_, i) => lanes.reduce((sum, { value }) => sum + (value[i] ?? 0), 0));
}

/** Returns the values of the lane of this name, where it is one of the largest. */
export function laneOf(
  timeline: TimelineJson | undefined,
  name: string,
  module?: string,
): readonly number[] | undefined {
  return timeline?.lanes.find((lane) =>
    lane.name === name && !lane.rest && (module === undefined || lane.module === module)
  )?.value;
}
