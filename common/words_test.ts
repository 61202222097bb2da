// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { counted, lasting } from "./words.ts";

Deno.test("counted() has the word that the number asks for", () => {
  assertEquals([0, 1, 2, 1204].map((n) => counted(n, "batch", "batches")), [
    "0 batches",
    "1 batch",
    "2 batches",
    "1,204 batches",
  ]);
});

Deno.test("lasting() is as exact as people need it", () => {
  assertEquals([0, 440, 66_800, 119_000, 720_000, 12_600_000].map(lasting), [
    "0.0 s",
    "0.4 s",
    "66.8 s",
    "119.0 s",
    "12 min",
    "3.5 h",
  ]);
});
