// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AheadPace } from "./ahead_pace.ts";

Deno.test("AheadPace is due for a while where that is allowed, with many pages at once", () => {
  let now = 0;
  const pace = new AheadPace({ clock: () => now });
  assert(!pace.due);
  pace.allow(100);
  // What it takes does not count then.
  pace.took(5000);
  for (now of [0, 99]) assert(pace.due);
  const many = pace.most;
  now = 100;
  assert(!pace.due && pace.most < many);
});

Deno.test("AheadPace.keep() is due for that part of the time, however long turns are", () => {
  const share = fc.double({ min: 0.05, max: 1, noNaN: true });
  const turns = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1 });
  fc.assert(fc.property(share, turns, (share, turns) => {
    let now = 0;
    const pace = new AheadPace({ clock: () => now });
    pace.keep(share);
    for (const ms of turns) {
      while (!pace.due) now++;
      now += ms;
      pace.took(ms);
    }
    while (!pace.due) now++;
    const all = turns.reduce((sum, ms) => sum + ms, 0);
    // A pause ends with a millisecond of its own.
    assert(now >= all / share - 1e-6 && now <= all / share + turns.length);
  }));
});

Deno.test("AheadPace waits where there was nothing to load", () => {
  let now = 0;
  const pace = new AheadPace({ clock: () => now });
  pace.keep(0.5);
  assert(pace.due);
  pace.foundNothing();
  assert(!pace.due);
  now = 1000;
  assertEquals(pace.due, true);
});
