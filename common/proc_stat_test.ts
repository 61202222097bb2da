// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { cpuSeconds, statFields } from "./proc_stat.ts";

Deno.test("statFields() begins at the state, whatever the name holds, and cpuSeconds() is of its ticks", () => {
  const numbers = Array.from({ length: 10 }, (_, i) => `${i}`).join(" ");
  const fields = statFields(`7 (a) R (b ) S ${numbers} 250 25 900 900\n`);
  assertEquals([fields[0], fields[1], fields.length], ["S", "0", 15]);
  assertEquals(cpuSeconds(fields), { user: 2.5, system: 0.25 });
});

Deno.test("statFields() has the parent's number behind the state, as the kernel says it", () => {
  assertEquals(Number(statFields(Deno.readTextFileSync("/proc/self/stat"))[1]), Deno.ppid);
});
