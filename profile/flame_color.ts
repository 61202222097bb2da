// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses the colours of flame graphs: the kind of code gives the hue, which function it is the shade. The hues can be
 * told apart by those who do not see red and green alike.
 *
 * @module
 */

import { JIT_MODULE, PYTHON_MODULE, UNKNOWN_MODULE, VDSO_MODULE } from "./model.ts";

/** Lists the kinds of code, as they are coloured; `thread` is what is no code: threads, the whole, and `other`. */
export const CODE_ORIGINS = [
  "program",
  "library",
  "runtime",
  "script",
  "kernel",
  "unknown",
  "thread",
] as const;
export type CodeOrigin = (typeof CODE_ORIGINS)[number];

/** Says what each kind is called in a legend. */
export const ORIGIN_NAMES: Readonly<Record<CodeOrigin, string>> = {
  program: "program",
  library: "library",
  runtime: "language runtime",
  script: "script and JIT code",
  kernel: "kernel",
  unknown: "unknown",
  thread: "process and thread",
};

export type Theme = "light" | "dark";

/** Holds a colour for each theme, as red, green and blue; text on it has a contrast of 4.5 at least. */
const PALETTE: Readonly<
  Record<CodeOrigin, Readonly<Record<Theme, readonly [r: number, g: number, b: number]>>>
> = {
  program: { light: [245, 183, 120], dark: [138, 85, 34] },
  library: { light: [165, 200, 245], dark: [49, 78, 140] },
  runtime: { light: [232, 173, 215], dark: [115, 55, 115] },
  script: { light: [147, 221, 183], dark: [26, 110, 92] },
  kernel: { light: [172, 178, 186], dark: [80, 98, 65] },
  unknown: { light: [222, 219, 213], dark: [63, 61, 57] },
  thread: { light: [238, 236, 231], dark: [46, 45, 42] },
};

/** A function's lightness is at most so far from that of its kind, as a share. */
const SPREAD = 0.06;

/** These files are programs that run other people's code, or their libraries. */
const RUNTIME_FILE =
  /^(node|deno|bun|python[\d.]*|libpython[\d.]*\.so|ruby|libruby|perl|php|java|libjvm\.so|libcoreclr|dotnet|beam\.smp|lua\w*|libgc)/;
/** These functions are of runtimes that are linked into programs. */
const RUNTIME_FUNCTION = /^(runtime\.|runtime\/|v8::|node::|uv_|tokio::|std::rt::|_Py|Py[A-Z]|JVM_|art::)/;

/**
 * Returns the kind of code by the module's name, and where the program brings its runtime along by the function's.
 *
 * @param module "" for what stands for no code
 */
export function codeOrigin(module: string, name = ""): CodeOrigin {
  if (module === "") return "thread";
  if (module === JIT_MODULE || module === PYTHON_MODULE) return "script";
  if (module === UNKNOWN_MODULE) return "unknown";
  // Kernel modules have brackets, too; so has the vDSO, which the kernel brings along but does not run.
  if (module.startsWith("[")) return module === VDSO_MODULE ? "library" : "kernel";
  const file = module.slice(module.lastIndexOf("/") + 1);
  if (RUNTIME_FILE.test(file) || RUNTIME_FUNCTION.test(name)) return "runtime";
  return /\.so(\.|$)/.test(file) ? "library" : "program";
}

/** Returns a colour as `#rrggbb`; equal names of one module have equal ones. */
export function flameColor(name: string, module: string, theme: Theme = "light"): string {
  const origin = codeOrigin(module, name);
  const turn = ((hashOf(name) & 0xff) / 127.5 - 1) * SPREAD;
  return hex(PALETTE[origin][theme].map((channel) => channel * (1 + turn)));
}

/** Returns the colour that stands for a kind of code in a legend. */
export function originColor(origin: CodeOrigin, theme: Theme = "light"): string {
  return hex(PALETTE[origin][theme]);
}

/** Returns FNV-1a over UTF-16 units. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // The low bits of short names are too alike without this.
  return (hash ^ (hash >>> 15)) >>> 0;
}

function hex(channels: readonly number[]): string {
  const part = (value: number) => Math.round(Math.min(255, Math.max(0, value))).toString(16).padStart(2, "0");
  return `#${channels.map(part).join("")}`;
}
