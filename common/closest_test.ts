// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { closestWord, editDistance } from "./closest.ts";

Deno.test("closestWord() finds what was meant, and nothing for what is like none", () => {
  const flags = ["duration", "output", "pid", "mode", "listen"];
  for (
    const [typed, meant] of [["durration", "duration"], ["ouptut", "output"], ["pdi", "pid"], ["mod", "mode"]]
  ) {
    assertEquals(closestWord(typed!, flags), meant);
  }
  for (const typed of ["x", "verbose", ""]) assertEquals(closestWord(typed, flags), undefined);
});

Deno.test("editDistance() is 0 for equal words alone, the same both ways, and no more than the longer word", () => {
  const word = fc.stringMatching(/^[abc]{0,6}$/);
  fc.assert(fc.property(word, word, (a, b) => {
    const distance = editDistance(a, b);
    assertEquals(distance, editDistance(b, a));
    assertEquals(distance === 0, a === b);
    assert(distance <= Math.max(a.length, b.length) && distance >= Math.abs(a.length - b.length));
  }));
});

Deno.test("editDistance() takes neighbours that are swapped for one mistake", () => {
  assertEquals(editDistance("abcd", "abdc"), 1);
  assertEquals(editDistance("abcd", "badc"), 2);
});
