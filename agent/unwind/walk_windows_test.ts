// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { WalkWindows } from "./walk_windows.ts";

Deno.test("WalkWindows tells each number, and those of windows that were over two minutes ago from others", () => {
  const told: number[] = [];
  let ms = 0;
  const windows = new WalkWindows({ tell: (window) => told.push(window), clock: () => ms });
  const state = () => [windows.now, windows.since, windows.coldBefore];
  assertEquals(state(), [1, 1, 1]);
  windows.next();
  assertEquals(state(), [2, 1, 1]);
  for (ms of [60_000, 119_999]) windows.end();
  assertEquals(state(), [4, 4, 1]);
  // What was used last before 3 began was not for two minutes.
  ms = 180_000;
  windows.end();
  assertEquals(state(), [5, 5, 3]);
  ms = 1_000_000;
  windows.end();
  assertEquals(state(), [6, 6, 5]);
  assertEquals(told, [1, 2, 3, 4, 5, 6]);
});
