// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { Slices } from "./slices.ts";

/** Returns how many ms slices are long where each piece of the work takes so many, and others take `othersMs` of each rest. */
async function lengthsOf(othersMs: readonly number[], pieceMs: number): Promise<number[]> {
  let now = 0;
  const slices = new Slices(() => now);
  const lengths: number[] = [];
  for (const ms of [...othersMs, 0]) {
    const begin = now;
    do now += pieceMs; while (!slices.due);
    lengths.push(now - begin);
    // Before the rest ends.
    setTimeout(() => now += ms);
    await slices.rest();
  }
  return lengths;
}

Deno.test("Slices are short, and as long as others took before where that is more, within bounds", async () => {
  // The clock is looked at before each second piece, or each.
  assertEquals(await lengthsOf([0, 50, 5000, 0], 1), [10, 10, 50, 100, 11]);
});

Deno.test("Slices look at the clock before each piece where pieces take long, and seldom where they do not", async () => {
  assertEquals(await lengthsOf([0, 0], 40), [40, 40, 40]);
  let looks = 0;
  const slices = new Slices(() => looks++ && 0);
  for (let piece = 0; piece < 1600; piece++) slices.due;
  assertEquals(looks < 130, true, `${looks} looks`);
});

Deno.test("Slices.do() lets timers go between two pieces when a slice is over, and gives the result", async () => {
  let now = 0;
  let timers = 0;
  const slices = new Slices(() => now);
  function* work() {
    for (let piece = 0; piece < 25; piece++) {
      setTimeout(() => timers++);
      now++;
      yield;
    }
    return timers;
  }
  // A slice has ten ms.
  assertEquals(await slices.do(work()), 20);
  await slices.rest();
  assertEquals(timers, 25);
});
