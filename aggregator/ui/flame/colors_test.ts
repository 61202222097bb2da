// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { CODE_ORIGINS, codeOrigin, flameColor, originColor } from "../../../profile/flame_color.ts";
import { diffColors, FADED, TEXT } from "./colors.ts";

const THEMES = ["light", "dark"] as const;

function luminance(color: string): number {
  const channels = color.startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))
    : color.match(/\d+/g)!.map(Number);
  const [r, g, b] = channels.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

/** The contrast as WCAG reckons it. */
function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

Deno.test("text on every box has a contrast of 4.5 at least", () => {
  for (const theme of THEMES) {
    for (
      const module of ["/app/shop", "/lib/libc.so.6", "/usr/bin/node", "[jit]", "[kernel]", "[unknown]", ""]
    ) {
      for (let i = 0; i < 200; i++) {
        assert(contrast(flameColor(`f${i}`, module, theme), TEXT[theme]) >= 4.5, `${module} ${theme} f${i}`);
      }
    }
    for (let change = -1; change <= 4; change += 0.05) {
      const { fill, text } = diffColors(change, theme);
      assert(contrast(fill, text) >= 4.5, `${theme} ${change}: ${contrast(fill, text)}`);
    }
    assert(contrast(FADED[theme].fill, FADED[theme].text) >= 3);
  }
});

/** Returns a colour as who lacks one of the cones sees it (Viénot, Brettel and Mollon 1999, in linear light). */
function seenWithout(cone: "red" | "green", color: string): number[] {
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  const mixed = cone === "red" ? 0.11238 * r! + 0.88762 * g! : 0.29275 * r! + 0.70725 * g!;
  const blue = cone === "red" ? 0.00401 * (r! - g!) + b! : -0.02234 * (r! - g!) + b!;
  return [mixed, mixed, Math.max(0, blue)].map((value) => value ** (1 / 2.2) * 255);
}

Deno.test("kinds of code can be told apart by who does not see red or green", () => {
  for (const theme of THEMES) {
    for (const cone of ["red", "green"] as const) {
      const seen = CODE_ORIGINS.map((origin) => seenWithout(cone, originColor(origin, theme)));
      seen.forEach((a, i) =>
        seen.slice(i + 1).forEach((b, j) => {
          const distance = Math.hypot(...a.map((channel, k) => channel - b[k]!));
          assert(
            distance > 25,
            `${theme} ${cone}: ${CODE_ORIGINS[i]} and ${CODE_ORIGINS[i + 1 + j]}: ${distance}`,
          );
        })
      );
    }
  }
});

Deno.test("diffColors() is grey for noise, and blue and orange for less and more", () => {
  const [less, none, more] = [-1, 0, 1].map((change) =>
    diffColors(change, "light").fill.match(/\d+/g)!.map(Number)
  );
  assert(less![2]! > less![0]! && more![0]! > more![2]!);
  assert(Math.max(...none!) - Math.min(...none!) < 8);
  assertNotEquals(diffColors(0.2, "light").fill, diffColors(0, "light").fill);
});

Deno.test("codeOrigin() knows runtimes by their files and their functions", () => {
  const origins = [
    ["/usr/bin/python3.11"],
    ["/app/server", "runtime.mallocgc"],
    ["/app/server", "main.handle"],
    ["[vdso]"],
    ["[nf_tables]"],
  ];
  assertEquals(origins.map(([module, name]) => codeOrigin(module!, name)), [
    "runtime",
    "runtime",
    "program",
    "library",
    "kernel",
  ]);
});
