// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { untilBeat } from "./beat.ts";

Deno.test("untilBeat() ends at a multiple, so that what is as long ends together", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.float({ min: 0, max: Math.fround(1e6), noNaN: true }),
      (ms, now) => {
        const wait = untilBeat(ms, now);
        assert(wait >= 1 && wait <= ms);
        assertEquals((Math.floor(now) + wait) % ms, 0);
      },
    ),
  );
});
