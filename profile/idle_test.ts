// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { anyRecording } from "../tests/support/profiles.ts";
import { isIdleClass, withLockSamples } from "./idle.ts";
import { lockAt } from "./locks.ts";
import { totalOf } from "./model.ts";

Deno.test("withLockSamples() has the sums of the waits that were woken or are open, idle ones where asked for", () => {
  fc.assert(fc.property(anyRecording, fc.boolean(), (profile, idle) => {
    const expected = { value: 0, count: 0 };
    for (let row = 0; row < profile.locks.outcome.length; row++) {
      const lock = lockAt(profile, row);
      if (!["woken", "open"].includes(lock.outcome) || (!idle && isIdleClass(lock.class))) continue;
      expected.value += lock.delay;
      if (lock.outcome === "woken") expected.count += lock.count;
    }
    const made = withLockSamples(profile, { idle });
    assertEquals(totalOf(made, "lock"), expected);
    assertEquals(totalOf(made, "cpu"), totalOf(profile, "cpu"));
    assertEquals(made.locks.delay, profile.locks.delay);
  }));
});
