// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { laneOf } from "./lanes.ts";

Deno.test("laneOf() puts a file into the serial lane that names what tests cannot share", () => {
  assertEquals(laneOf(`testWith(["bpf", "clang"], "reads", () => {});`), "serial");
  assertEquals(laneOf(`const NEEDS = ["bpf"];`), "serial");
  assertEquals(laneOf(`testWith(["gcc"], "reads what bpf wrote", () => {});`), "parallel");
  assertEquals(laneOf(`Deno.readDirSync("/proc/self/fd")`), "serial");
});
