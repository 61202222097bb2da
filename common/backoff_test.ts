// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { backoffMs } from "./backoff.ts";

Deno.test("backoffMs() doubles up to its bound, by chance up to a half less", () => {
  for (const [failures, most] of [[1, 100], [2, 200], [3, 400], [4, 500], [5000, 500]] as const) {
    const pause = backoffMs(failures, { firstMs: 100, maxMs: 500 });
    assert(pause >= most / 2 && pause <= most, `${pause} after ${failures}`);
    assertEquals(backoffMs(failures, { firstMs: 100, maxMs: 500, random: () => 1 }), most);
  }
  assertEquals(backoffMs(0, { firstMs: 100, maxMs: 500 }), 0);
});
