/**
 * A colour for each module, so that a graph shows at a glance whose code runs.
 *
 * @module
 */

import { JIT_MODULE, KERNEL_MODULE, UNKNOWN_MODULE, VDSO_MODULE } from "../../profile/model.ts";

export type Theme = "light" | "dark";

export interface BoxColors {
  readonly fill: string;
  readonly text: string;
}

/** Degrees. The kernel's hue, and a gap at both sides of it, belong to no other module. */
const KERNEL_HUE = 40;
const HUE_GAP = 35;

/** Lightness, chroma and text of each theme, in oklch: equal lightness looks equally light in all hues. */
const THEMES = {
  light: { lightness: 0.84, chroma: 0.085, grey: 0.9, text: "#1c1b1a" },
  dark: { lightness: 0.47, chroma: 0.085, grey: 0.33, text: "#f4f2ee" },
} as const;

/**
 * The colours of a box. Functions of one module differ a little in lightness, so that neighbours stand apart.
 *
 * @param module "" for what is no function: threads, the whole, and what was cut
 */
export function colorsOf(name: string, module: string, theme: Theme): BoxColors {
  const { lightness, chroma, grey, text } = THEMES[theme];
  if (module === "" || module === UNKNOWN_MODULE) {
    return { fill: `oklch(${grey} 0.006 80)`, text };
  }
  const shade = (hashOf(name) % 7 - 3) * 0.009;
  const strong = isKernel(module) ? 1.35 : 1;
  const l = (lightness + shade).toFixed(3);
  const c = (chroma * strong).toFixed(3);
  return { fill: `oklch(${l} ${c} ${hueOf(module)})`, text };
}

/** The hue of `module`, in degrees. */
export function hueOf(module: string): number {
  if (isKernel(module)) return KERNEL_HUE;
  if (module === JIT_MODULE) return 110;
  if (module === VDSO_MODULE) return 330;
  const base = module.slice(module.lastIndexOf("/") + 1);
  return Math.round(KERNEL_HUE + HUE_GAP + spread(hashOf(base)) * (360 - 2 * HUE_GAP)) % 360;
}

/** Whether `module` is the kernel or one of its modules: `[name]`, but for the names that mean something else. */
export function isKernel(module: string): boolean {
  if (module === KERNEL_MODULE) return true;
  return /^\[.+\]$/.test(module) && ![VDSO_MODULE, JIT_MODULE, UNKNOWN_MODULE].includes(module);
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // FNV's low bits are good, its high bits less so for short texts.
  return (hash ^ hash >>> 15) >>> 0;
}

/** 0 to 1, by steps far enough apart to be told from each other. */
function spread(hash: number): number {
  return (hash % 16) / 15;
}
