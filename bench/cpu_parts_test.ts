// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { type CpuProfile, sharesOf } from "./cpu_parts.ts";

Deno.test("sharesOf() gives time to the innermost part of the agent, and leaves out what is idle", () => {
  const node = (id: number, functionName: string, url: string, children: number[] = []) => {
    return { id, callFrame: { functionName, url }, children };
  };
  const profile: CpuProfile = {
    nodes: [
      node(1, "(root)", "", [2, 3, 4, 8]),
      node(2, "(idle)", ""),
      node(3, "(garbage collector)", ""),
      node(4, "run", "file:///x/agent/run.ts", [5, 9]),
      node(5, "#serve", "file:///x/agent/unwind/unwinder.ts", [6]),
      node(6, "observe", "file:///x/agent/metadata/processes.ts", [7]),
      node(7, "op_fs_read_file_sync", ""),
      node(8, "(program)", ""),
      node(9, "find", "file:///x/symbols/symbol_table.ts"),
    ],
    samples: [2, 3, 4, 5, 7, 8, 9],
    timeDeltas: [900, 10, 20, 30, 15, 5, 20],
  };
  assertEquals(sharesOf(profile), {
    ...{ drain: 0, unwinding: 0.3, processes: 0.15, naming: 0.2, push: 0, garbage: 0.1, other: 0.25 },
  });
});
