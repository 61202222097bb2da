// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses the colours of flame graphs: where code is from gives the hue, which function it is the shade.
 *
 * @module
 */

import { JIT_MODULE, PYTHON_MODULE, UNKNOWN_MODULE, VDSO_MODULE } from "./model.ts";

/** Lists where a frame's code can be from, as it is coloured. */
export const CODE_ORIGINS = ["program", "library", "jit", "kernel", "unknown", "thread"] as const;
export type CodeOrigin = (typeof CODE_ORIGINS)[number];

/** Holds the hue in degrees, saturation and lightness in percent, and how far a function's own may be from them. */
const HUES: Readonly<Record<CodeOrigin, readonly [h: number, s: number, l: number, spread: number]>> = {
  program: [14, 84, 66, 12],
  library: [40, 84, 66, 10],
  jit: [145, 46, 64, 12],
  kernel: [205, 58, 70, 12],
  unknown: [270, 14, 76, 6],
  thread: [220, 12, 84, 4],
};

/** Returns the origin from the module's name alone; "" is what stands for no code: threads, the whole, and `other`. */
export function codeOrigin(module: string): CodeOrigin {
  if (module === "") return "thread";
  if (module === JIT_MODULE) return "jit";
  if (module === UNKNOWN_MODULE || module === PYTHON_MODULE) return "unknown";
  // Kernel modules have brackets, too; so has the vDSO, which the kernel brings along but does not run.
  if (module.startsWith("[")) return module === VDSO_MODULE ? "library" : "kernel";
  return /\.so(\.|$)/.test(module) ? "library" : "program";
}

/** Returns a colour as `#rrggbb`, light enough for black text; equal names of one module have equal ones. */
export function flameColor(name: string, module: string): string {
  const [hue, saturation, lightness, spread] = HUES[codeOrigin(module)];
  const hash = hashOf(name);
  const turn = ((hash & 0xff) / 255 - 0.5) * 2 * spread;
  const light = (((hash >>> 8) & 0xff) / 255 - 0.5) * 12;
  return hex(hue + turn + hueOf(module), saturation, lightness + light);
}

/** Returns the colour that stands for an origin in a legend. */
export function originColor(origin: CodeOrigin): string {
  const [hue, saturation, lightness] = HUES[origin];
  return hex(hue, saturation, lightness);
}

/** Tells modules of one origin apart a little. */
function hueOf(module: string): number {
  return module.startsWith("[") ? 0 : (hashOf(module) % 13) - 6;
}

/** Returns FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // The low bits of short names are too alike without this.
  return (hash ^ (hash >>> 15)) >>> 0;
}

function hex(hue: number, saturation: number, lightness: number): string {
  const amplitude = saturation / 100 * Math.min(lightness / 100, 1 - lightness / 100);
  const channel = (n: number) => {
    const k = (n + (hue + 360) % 360 / 30) % 12;
    const value = lightness / 100 - amplitude * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
