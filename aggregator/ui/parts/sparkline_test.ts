// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { sparkPath } from "./sparkline.ts";

Deno.test("sparkPath() is as high as its highest value, and closed; of nothing it is flat", () => {
  const size = { width: 30, height: 10 };
  assertEquals(sparkPath([1, 4, 0], size), "M0 10V7.5H10V0H20V10H30V10Z");
  assertEquals(sparkPath([0, 0, 0], size), "M0 10V10H10V10H20V10H30V10Z");
  assertEquals(sparkPath([], size), "M0 10V10Z");
});
