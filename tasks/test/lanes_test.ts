// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { laneOf } from "./lanes.ts";

Deno.test("laneOf() keeps a file apart that names what tests cannot share", () => {
  const of = (source: string, path = "agent/a_test.ts") => laneOf({ path, source });
  assertEquals(of(`testWith(["bpf", "clang"], "reads", () => {});`), "machine");
  assertEquals(of(`const NEEDS = ["bpf"];`), "machine");
  assertEquals(of(`const NEEDS = ["bpf"];`, "tests/a_test.ts"), "agents");
  assertEquals(of(`const NEEDS = ["bpf", "machine"];`, "tests/a_test.ts"), "machine");
  assertEquals(of(`testWith(["gcc"], "reads what bpf wrote", () => {});`), "parallel");
  assertEquals(of(`testWith(["gcc"], "reads what bpf wrote", () => {});`, "tests/a_test.ts"), "parallel");
  assertEquals(of(`Deno.readDirSync("/proc/self/fd")`), "machine");
});
