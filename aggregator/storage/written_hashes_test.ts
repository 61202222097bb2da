// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { WrittenHashes } from "./written_hashes.ts";

Deno.test("WrittenHashes.add() asks for a hash once a day", () => {
  const seen = new WrittenHashes(10);
  assertEquals([seen.add(1, 0, 5), seen.add(1, 0, 5), seen.add(1, 0, 6), seen.add(1, 0, 5)], [
    true,
    false,
    true,
    false,
  ]);
  seen.commit();
  assertEquals([seen.add(1, 0, 5), seen.add(1, 0, 6), seen.add(1, 0, 7)], [false, false, true]);
  assertEquals([seen.add(1, 1, 5), seen.add(0, 1, 5), seen.add(0, 0, 0)], [true, true, true]);
});

Deno.test("WrittenHashes.forget() asks again for what a failed write had put forward, and for what was written", () => {
  const seen = new WrittenHashes(10);
  seen.add(1, 0, 5);
  seen.commit();
  seen.add(2, 0, 5);
  seen.forget();
  assertEquals([seen.add(1, 0, 5), seen.add(2, 0, 5)], [true, true]);
});

Deno.test("WrittenHashes passes over nothing that is not written, and forgets only what was not used for long", () => {
  const half = fc.oneof(fc.nat(3), fc.constantFrom(2 ** 31, 2 ** 32 - 1));
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ add: fc.tuple(half, half, fc.nat(2)) }) },
    { weight: 2, arbitrary: fc.constantFrom("commit" as const, "forget" as const) },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 80 }), (capacity, steps) => {
      const seen = new WrittenHashes(capacity);
      const written = new Map<string, number>();
      const pending = new Map<string, number>();
      for (const step of steps) {
        if (step === "forget") {
          seen.forget();
          written.clear();
          pending.clear();
        } else if (step === "commit") {
          seen.commit();
          for (const [key, day] of pending) written.set(key, day);
          pending.clear();
        } else {
          const [low, high, day] = step.add;
          const key = `${low} ${high}`;
          const known = Math.max(written.get(key) ?? -1, pending.get(key) ?? -1) >= day;
          const asked = seen.add(low, high, day);
          // It may have forgotten what was written, and must not what is put forward.
          if (!known || (pending.get(key) ?? -1) >= day) assertEquals(asked, !known);
          if (asked) pending.set(key, day);
        }
      }
    }),
  );
});

Deno.test("WrittenHashes remembers those that were used last, however many there are", () => {
  const seen = new WrittenHashes(1000);
  const used = (hash: number) => !seen.add(hash, hash * 7, 5);
  for (let hash = 0; hash < 20_000; hash++) {
    assertEquals(used(hash), false);
    seen.commit();
    // It is asked for again and again, and stays.
    if (hash > 0) assertEquals(used(0), true);
    assertEquals(used(Math.max(0, hash - 200)), true);
  }
  assertEquals([used(10_000), used(19_999)], [false, true]);
});
