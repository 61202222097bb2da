// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { onlineCpus, parseCpuList } from "./cpus.ts";

Deno.test("parseCpuList() reads single numbers and ranges", () => {
  assertEquals(parseCpuList("0\n"), [0]);
  assertEquals(parseCpuList("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
  assertEquals(parseCpuList("\n"), []);
});

Deno.test("onlineCpus() has at least one CPU", () => {
  assert(onlineCpus().length > 0);
});
