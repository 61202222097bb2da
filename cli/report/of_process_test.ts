// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { totalOf } from "../../profile/model.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { ofProcess } from "./of_process.ts";
import { sumsBy } from "./sums.ts";

Deno.test("ofProcess() keeps what belongs to the process, and nothing else", () => {
  const batch = makeBatch({ samples: 100, waits: 3 });
  const by = new Map(sumsBy(batch, "cpu", "pid").map(({ name, total }) => [name, total]));
  for (const [pid, total] of by) {
    const own = ofProcess(batch, pid);
    assertEquals(totalOf(own, "cpu").value, total);
    assertEquals(sumsBy(own, "cpu", "pid").map(({ name }) => name), [pid]);
  }
  assertEquals(ofProcess(batch, "demo").samples.count.length, batch.samples.count.length);
  const { locks, syscalls } = ofProcess(batch, "100");
  assertEquals([locks.count, syscalls.total], [batch.locks.count, batch.syscalls.total]);
  assertEquals(ofProcess(batch, "nobody").samples.kind.length, 0);
});

Deno.test("sumsBy() sums each stack once, whatever is asked for", () => {
  const batch = makeBatch({ samples: 200 });
  const whole = totalOf(batch, "cpu");
  for (const group of ["function", "module", "file", "line", "process", "thread", "pid"] as const) {
    const rows = sumsBy(batch, "cpu", group);
    assertEquals(rows.reduce((sum, { self }) => sum + self, 0), whole.value, group);
    assertEquals(rows.reduce((sum, { count }) => sum + count, 0), whole.count, group);
    for (const { self, total } of rows) assertEquals(self <= total && total <= whole.value, true, group);
  }
});
