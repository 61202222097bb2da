// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { WrittenHashes } from "./written_hashes.ts";

Deno.test("WrittenHashes.add() asks for a hash once a day", () => {
  const seen = new WrittenHashes(10);
  assertEquals([seen.add(1n, 5), seen.add(1n, 5), seen.add(1n, 6), seen.add(1n, 5)], [
    true,
    false,
    true,
    false,
  ]);
  seen.commit();
  assertEquals([seen.add(1n, 5), seen.add(1n, 6), seen.add(1n, 7)], [false, false, true]);
});

Deno.test("WrittenHashes.forget() asks again for what a failed write had put forward, and for what was written", () => {
  const seen = new WrittenHashes(10);
  seen.add(1n, 5);
  seen.commit();
  seen.add(2n, 5);
  seen.forget();
  assertEquals([seen.add(1n, 5), seen.add(2n, 5)], [true, true]);
});

Deno.test("WrittenHashes remembers no more than its capacity", () => {
  const seen = new WrittenHashes(2);
  for (const hash of [1n, 2n, 3n]) seen.add(hash, 5);
  seen.commit();
  assertEquals([seen.add(1n, 5), seen.add(2n, 5), seen.add(3n, 5)], [true, false, false]);
});
