// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { ReadingTime } from "./reading_time.ts";

Deno.test("ReadingTime is over when its ms are spent, until the next window", () => {
  let now = 0;
  const reading = new ReadingTime(10, () => now);
  assertEquals(reading.spend(() => now += 9), 9);
  assertEquals(reading.isOver, false);
  // What is begun goes on to its end, and what fails took its time, too.
  assertThrows(() =>
    reading.spend(() => {
      now += 50;
      throw new Error("damaged");
    })
  );
  assertEquals(reading.isOver, true);
  reading.renew();
  assertEquals([reading.isOver, reading.isEnding, reading.within(7)], [false, false, 7]);
});

Deno.test("ReadingTime ends for good, whatever windows come, and nothing is waited for longer", () => {
  let now = 100;
  const reading = new ReadingTime(10, () => now);
  reading.endIn(20);
  // The first end holds.
  reading.endIn(1000);
  assertEquals([reading.isEnding, reading.hasEnded, reading.isOver], [true, false, false]);
  assertEquals([reading.within(5), reading.within(500)], [5, 20]);
  now = 120;
  reading.renew();
  assertEquals([reading.hasEnded, reading.isOver, reading.within(500)], [true, true, 0]);
});
