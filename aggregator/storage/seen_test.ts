import { assertEquals } from "@std/assert";
import { Seen } from "./seen.ts";

Deno.test("Seen.add() asks for a hash once a day", () => {
  const seen = new Seen(10);
  assertEquals([seen.add(1n, 5), seen.add(1n, 5), seen.add(1n, 6), seen.add(1n, 5)], [
    true,
    false,
    true,
    false,
  ]);
  seen.commit();
  assertEquals([seen.add(1n, 5), seen.add(1n, 6), seen.add(1n, 7)], [false, false, true]);
});

Deno.test("Seen.forget() asks again for what a failed write had put forward, and for what was written", () => {
  const seen = new Seen(10);
  seen.add(1n, 5);
  seen.commit();
  seen.add(2n, 5);
  seen.forget();
  assertEquals([seen.add(1n, 5), seen.add(2n, 5)], [true, true]);
});

Deno.test("Seen remembers no more than its capacity", () => {
  const seen = new Seen(2);
  for (const hash of [1n, 2n, 3n]) seen.add(hash, 5);
  seen.commit();
  assertEquals([seen.add(1n, 5), seen.add(2n, 5), seen.add(3n, 5)], [true, false, false]);
});
