// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { laneOf } from "./lanes.ts";

Deno.test("laneOf() puts a file into a serial lane that names what tests cannot share", () => {
  assertEquals(laneOf(`testWith(["bpf", "clang"], "reads", () => {});`), "watching");
  assertEquals(laneOf(`const NEEDS = ["bpf"];`), "watching");
  assertEquals(laneOf(`testWith(["gcc"], "reads what bpf wrote", () => {});`), "parallel");
  assertEquals(laneOf(`Deno.readDirSync("/proc/self/fd")`), "watching");
});

Deno.test("laneOf() has what depends on when programs run in one lane", () => {
  assertEquals(laneOf(`testWith(["bpf", "perf"], "counts", () => {});`), "measuring");
  assertEquals(laneOf(`"bpf"; await Contender.start(path);`), "measuring");
  assertEquals(laneOf(`"bpf"; await RunningProgram.start(path, [], { urgent: true });`), "measuring");
  assertEquals(laneOf(`testWith(["gcc"], "tells of chrt and a Contender", () => {});`), "parallel");
});
