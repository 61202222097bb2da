// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Captures } from "./capture.ts";

function capturesAt(maxFreq: number | undefined) {
  let now = 0;
  const captures = new Captures({ freq: 99, maxFreq, clock: () => now });
  return { captures, pass: (ms: number) => now += ms };
}

Deno.test("Captures does nothing unless it is allowed", () => {
  const { captures } = capturesAt(undefined);
  captures.ask({ frequency: 499, seconds: 60 });
  assertEquals([captures.frequency(), captures.stats], [99, { begun: 0, refused: 1, frequency: 99 }]);
});

Deno.test("Captures samples at what is asked, at most at what is allowed, for as long", () => {
  const { captures, pass } = capturesAt(300);
  captures.ask({ frequency: 499, seconds: 60 });
  assertEquals(captures.frequency(), 300);
  pass(59_000);
  assertEquals(captures.frequency(), 300);
  // It is asked again with each push: that is one.
  captures.ask({ frequency: 200, seconds: 5 });
  assertEquals([captures.frequency(), captures.stats.begun], [200, 1]);
  pass(5000);
  assertEquals(captures.frequency(), 99);
  captures.ask({ frequency: 50, seconds: 60 });
  assertEquals([captures.frequency(), captures.stats.refused], [99, 1]);
});

Deno.test("Captures has at most ten minutes at once, and a sixth of all time, whatever is asked", () => {
  const steps = fc.array(fc.tuple(fc.nat(120_000), fc.nat(5000), fc.nat(10_000)), {
    minLength: 1,
    maxLength: 300,
  });
  fc.assert(fc.property(steps, (all) => {
    const { captures, pass } = capturesAt(1000);
    let [active, total] = [0, 0];
    for (const [ms, frequency, seconds] of all) {
      captures.ask({ frequency, seconds });
      const before = captures.frequency();
      assert(before === 99 || before <= 1000);
      // Windows end what is over: they are ten seconds.
      for (let left = ms; left > 0; left -= 10_000) {
        const step = Math.min(10_000, left);
        if (captures.frequency() !== 99) active += step;
        total += step;
        pass(step);
      }
    }
    assert(active <= 600_000 + total / 6 + 10_000, `${active} of ${total}`);
  }));
});
