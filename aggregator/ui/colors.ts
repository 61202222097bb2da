// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses a colour for each module, so that a graph shows at a glance whose code runs.
 *
 * @module
 */

import { codeOrigin } from "../../profile/flame_color.ts";

export type Theme = "light" | "dark";

export interface BoxColors {
  readonly fill: string;
  readonly text: string;
}

/** The hue is in degrees. The kernel's hue, and a gap at both sides of it, belong to no other module. */
const KERNEL_HUE = 242;
const JIT_HUE = 150;
const HUE_GAP = 40;

/** Holds lightness, chroma and text of each theme, in oklch: equal lightness looks equally light in all hues. */
const THEMES = {
  light: { lightness: 0.84, chroma: 0.085, grey: 0.9, text: "#1c1b1a" },
  dark: { lightness: 0.47, chroma: 0.085, grey: 0.33, text: "#f4f2ee" },
} as const;

/**
 * Returns the colours of a box. Functions of one module differ a little in lightness, so that neighbours stand apart.
 *
 * @param module "" for what is no function: threads, the whole, and what was cut
 */
export function colorsOf(name: string, module: string, theme: Theme): BoxColors {
  const { lightness, chroma, grey, text } = THEMES[theme];
  const origin = codeOrigin(module);
  if (origin === "thread" || origin === "unknown") {
    return { fill: `oklch(${grey} 0.006 80)`, text };
  }
  const shade = (hashOf(name) % 7 - 3) * 0.009;
  const strong = origin === "kernel" ? 1.2 : 1;
  const l = (lightness + shade).toFixed(3);
  const c = (chroma * strong).toFixed(3);
  return { fill: `oklch(${l} ${c} ${hueOf(module)})`, text };
}

/** Returns the hue of `module`, in degrees. */
export function hueOf(module: string): number {
  const origin = codeOrigin(module);
  if (origin === "kernel") return KERNEL_HUE;
  if (origin === "jit") return JIT_HUE;
  const base = module.slice(module.lastIndexOf("/") + 1);
  return Math.round(KERNEL_HUE + HUE_GAP + spread(hashOf(base)) * (360 - 2 * HUE_GAP)) % 360;
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // FNV's low bits are good, its high bits less so for short texts.
  return (hash ^ hash >>> 15) >>> 0;
}

/** Returns a number from 0 to 1, by steps far enough apart to be told from each other. */
function spread(hash: number): number {
  return (hash % 16) / 15;
}
