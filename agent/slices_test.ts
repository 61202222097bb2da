// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { Slices } from "./slices.ts";

/** Returns how many ms slices are long where each piece of the work takes one, and others take `othersMs` of each rest. */
async function lengthsOf(othersMs: readonly number[]): Promise<number[]> {
  let now = 0;
  const slices = new Slices(() => now);
  const lengths: number[] = [];
  for (const ms of [...othersMs, 0]) {
    const begin = now;
    while (!slices.due) now++;
    lengths.push(now - begin);
    // Before the rest ends.
    setTimeout(() => now += ms);
    await slices.rest();
  }
  return lengths;
}

Deno.test("Slices are short, and as long as others took before where that is more, within bounds", async () => {
  // Of pieces of 1 ms, the clock is looked at before each 16th.
  assertEquals(await lengthsOf([0, 50, 5000, 0]), [15, 15, 63, 111, 15]);
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
