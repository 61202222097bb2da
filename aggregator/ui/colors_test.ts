// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { colorsOf, hueOf } from "./colors.ts";

Deno.test("colorsOf() gives a module one hue, the kernel its own, and threads none", () => {
  const hue = (name: string, module: string) => colorsOf(name, module, "light").fill.split(" ").at(-1);
  assertEquals(hue("a", "/usr/lib/libc.so.6"), hue("b", "/lib/libc.so.6"));
  assertEquals(hue("a", "[kernel]"), hue("b", "[ext4]"));
  assertEquals(colorsOf("postgres", "", "dark").fill, colorsOf("node", "", "dark").fill);
  assertNotEquals(colorsOf("a", "/bin/a", "light"), colorsOf("a", "/bin/a", "dark"));
});

Deno.test("hueOf() keeps other modules away from the kernel's hue", () => {
  const kernel = hueOf("[kernel]");
  for (let i = 0; i < 1000; i++) {
    const away = Math.abs(hueOf(`/usr/bin/program-${i}`) - kernel);
    assert(Math.min(away, 360 - away) >= 40);
  }
});
