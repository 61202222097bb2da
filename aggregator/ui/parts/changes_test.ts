// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { Changes } from "./changes.ts";

Deno.test("Changes tells values from those before, by identity, and their number", () => {
  const changes = new Changes();
  const one = {};
  const seen = [[], [], [one], [one], [{}], [one, undefined], [one], [NaN], [NaN]].map((values) =>
    changes.of(...values)
  );
  assertEquals(seen, [true, false, true, false, true, true, true, true, false]);
});
