// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { perfSamples } from "./perf_script.ts";
import { ProgramStarts, StackShares } from "./stack_shares.ts";

const TEXT = `sh  7/7   PERF_RECORD_MMAP2 7/7: [0x7f0000001000(0x1000) @ 0x1000 fe:00 1 0]: r-xp /no/such file
sh  7/7   PERF_RECORD_MMAP2 7/7: [0x7f0000009000(0x1000) @ 0 fe:00 1 0]: r--p /no/data
two words  7/8  
\tffffffff8137fbb3 finish_task_switch ([kernel.kallsyms])
\t    7f0000001004 operator new(unsigned long) (/no/such file)
\t    7f0000001008 [unknown] (/no/such file)
\t    7f0000002000 main (/tmp/perf-7.map)

sh  7/7  
\tffffffff8137fbb3 finish_task_switch ([kernel.kallsyms])
`;

Deno.test("perfSamples() has the frames of user space, with the names that there are", () => {
  const [first, second, ...rest] = perfSamples(TEXT);
  assertEquals(first!.comm, "two words");
  assertEquals(first!.frames.map(({ function: name, module }) => [name, module]), [
    ["operator new(unsigned long)", "/no/such file"],
    [undefined, "/no/such file"],
    ["main", "/tmp/perf-7.map"],
  ]);
  assertEquals([second!.comm, second!.frames], ["sh", []]);
  assertEquals(rest, []);
});

Deno.test("StackShares tells whole stacks by the thread's entry, and names from addresses", () => {
  const shares = new StackShares(new ProgramStarts());
  const frame = (name: string | undefined) => ({ function: name, module: "/no/such", address: undefined });
  shares.add([frame("leaf"), frame(undefined), frame("_start")], 6);
  shares.add([frame("leaf"), frame("[cut: no_rule]")], 1);
  shares.add([frame("leaf"), frame("main")], 1);
  shares.add([], 100);
  assertEquals(shares.samples, 8);
  assertEquals(shares.whole, 75);
  assertEquals(shares.named, 100 * 15 / 21);
  assertEquals(shares.faults, { cut: [["[cut: no_rule]", 1], ["main", 1]], unnamed: [["/no/such", 6]] });
});
