// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses what boxes look like: by kind of code, by module, or by how much more or less they take.
 *
 * @module
 */

import { codeOrigin, flameColor, hashOf, type Theme } from "../../../profile/flame_color.ts";

export type { Theme };
export type ColorBy = "kind" | "module";

export interface BoxColors {
  readonly fill: string;
  readonly text: string;
}

export const TEXT: Readonly<Record<Theme, string>> = { light: "#1b1a18", dark: "#f2efe9" };
/** Is what a box looks like that does not match a search. */
export const FADED: Readonly<Record<Theme, BoxColors>> = {
  light: { fill: "#edebe6", text: "#77736b" },
  dark: { fill: "#2b2a27", text: "#8f8b82" },
};
/** Outlines what matches, and what is under the pointer. */
export const MATCH: Readonly<Record<Theme, string>> = { light: "#b45309", dark: "#facc15" };
export const OUTLINE: Readonly<Record<Theme, string>> = { light: "#1b1a18", dark: "#ffffff" };

/** Holds the colours of series on the time line, which those who do not see all colours can tell apart. */
export const SERIES: Readonly<Record<Theme, readonly string[]>> = {
  light: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7a00", "#9a968d"],
  dark: ["#3d94cc", "#e0a52a", "#2bb58c", "#d98fb8", "#7cc4ee", "#e57a33", "#c9b938", "#78746b"],
};

const MODULE_LIGHTNESS: Readonly<Record<Theme, string>> = { light: "0.83 0.075", dark: "0.44 0.075" };
/** A hue for each step is far enough from the next to be told from it. */
const HUES = 12;

/** Returns the colours of a function. */
export function colorsOf(
  name: string,
  module: string,
  { theme, by }: { theme: Theme; by: ColorBy },
): BoxColors {
  if (by === "kind" || codeOrigin(module) === "thread") {
    return { fill: flameColor(name, module, theme), text: TEXT[theme] };
  }
  const hue = (hashOf(module) % HUES) * 360 / HUES + 15;
  return { fill: `oklch(${MODULE_LIGHTNESS[theme]} ${hue})`, text: TEXT[theme] };
}

const ENDS = { less: [33, 102, 172], more: [179, 88, 6] } as const;
const MIDDLE: Readonly<Record<Theme, readonly [number, number, number]>> = {
  light: [236, 234, 230],
  dark: [62, 60, 57],
};
/** A function that takes half as much again, or twice, has all of the colour. */
const FULL_AT = 0.5;

/**
 * Returns the colours of a difference: blue takes less, orange takes more, grey is noise.
 *
 * @param change from -1 (all of it has gone) over 0 (noise) to 1 and more (twice as much and more)
 */
export function diffColors(change: number, theme: Theme): BoxColors {
  const part = Math.min(1, Math.abs(change) / FULL_AT);
  const end = ENDS[change < 0 ? "less" : "more"];
  const mixed = MIDDLE[theme].map((channel, i) => Math.round(channel + (end[i]! - channel) * part));
  // Relative luminance, as WCAG reckons contrast: there white and black are read as well.
  const [r, g, b] = mixed.map((channel) => (channel / 255) ** 2.2);
  const dark = 0.2126 * r! + 0.7152 * g! + 0.0722 * b! < 0.18;
  return { fill: `rgb(${mixed.join(" ")})`, text: dark ? "#ffffff" : "#000000" };
}
