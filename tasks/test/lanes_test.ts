// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { laneOf, needsOf } from "./lanes.ts";

Deno.test("laneOf() puts a file into the serial lane that names what tests cannot share", () => {
  assertEquals(laneOf(`testWith(["bpf", "clang"], "reads", () => {});`), "serial");
  assertEquals(laneOf(`const NEEDS = ["bpf"];`), "serial");
  assertEquals(laneOf(`testWith(["gcc"], "reads what bpf wrote", () => {});`), "parallel");
  assertEquals(laneOf(`testWith(["agent"], "pushes", () => build("bpf"));`), "parallel");
  assertEquals(laneOf(`Deno.readDirSync("/proc/self/fd")`), "serial");
});

Deno.test("needsOf() gives what the tests of a file need, wherever the lines are broken", () => {
  const source = `const NEEDS: readonly Need[] = ["gcc", "nm"];
    const MUSTS = ["bpf"];
    testWith(
      [
        "agent",
        suite,
      ],
      "pushes", () => {});
    testWith([...NEEDS, "strip"], "reads", () => run(["bpf"]));`;
  assertEquals([...needsOf(source)], ["gcc", "nm", "agent", "strip"]);
});
