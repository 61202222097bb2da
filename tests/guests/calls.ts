// SPDX-License-Identifier: Apache-2.0
/**
 * Part of a guest: counts what `/bin/syscalls` does.
 *
 * @module
 */

import { SyscallCollector, type SyscallCollectorOptions } from "../../agent/collectors/syscall.ts";
import { MEMORY_BYTES } from "./memory.ts";

/** Returns what each of its runs did, by the calls that it made. */
export async function countCalls(options: Pick<SyscallCollectorOptions, "unwinder" | "taskStorage">) {
  using collector = SyscallCollector.open({ ...options, memoryBytes: MEMORY_BYTES });
  const runs = [];
  for (const args of [["calls", "20000"], ["stop"], ["refuse", "50"], ["die", "3"], ["ia32", "10"]]) {
    const { stdout } = await new Deno.Command("/bin/syscalls", { args }).output();
    const { pid } = JSON.parse(new TextDecoder().decode(stdout));
    const { syscalls, losses } = await collector.drain();
    const rows = [...syscalls!].filter((row) => row.pid === pid)
      .map(({ call, count, errors }) => ({ call, count, errors: [...errors] }));
    runs.push({ what: args[0]!, rows, losses: [...losses] });
  }
  return { taskStorage: collector.taskStorage, runs };
}
