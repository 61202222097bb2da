// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Clock, MACHINE_CLOCK, WindowStamps } from "./clock.ts";

function clockAt(start: number): Clock & { pass(ms: number): void; set(ms: number): void } {
  let monotonic = 5;
  let wall = start;
  return {
    monotonic: () => monotonic,
    wall: () => wall,
    pass(ms) {
      monotonic += ms;
      wall += ms;
    },
    set(ms) {
      wall += ms;
    },
  };
}

Deno.test("WindowStamps.end() leaves no time between windows, and none in two, as long as nobody sets the clock", () => {
  fc.assert(fc.property(
    fc.array(
      fc.record({ ms: fc.integer({ min: 0, max: 60_000 }), slewed: fc.integer({ min: -300, max: 300 }) }),
    ),
    (windows) => {
      const clock = clockAt(1e12);
      const stamps = new WindowStamps(clock);
      let before = 1e12;
      for (const { ms, slewed } of windows) {
        clock.pass(ms);
        clock.set(slewed);
        const { start, end, stepMs } = stamps.end();
        assertEquals([start, stepMs], [before, undefined]);
        assert(end > start);
        // What a slewed window had to be longer for is no step of the next.
        before = end;
        clock.set(-slewed);
      }
    },
  ));
});

Deno.test("WindowStamps.end() follows a clock that was set, and says by how much", () => {
  const clock = clockAt(1e12);
  const stamps = new WindowStamps(clock);
  clock.pass(10_000);
  clock.set(3_600_000);
  assertEquals(stamps.end(), { start: 1e12 + 3_600_000, end: 1e12 + 3_610_000, stepMs: 3_600_000 });
  clock.pass(10_000);
  clock.set(-7_200_000);
  assertEquals(stamps.end(), { start: 1e12 - 3_590_000, end: 1e12 - 3_580_000, stepMs: -7_200_000 });
  clock.pass(10_000);
  assertEquals(stamps.end(), { start: 1e12 - 3_580_000, end: 1e12 - 3_570_000 });
});

Deno.test("MACHINE_CLOCK.wall() is the time of day", () => {
  assert(Math.abs(MACHINE_CLOCK.wall() - Date.now()) < 1000);
});
