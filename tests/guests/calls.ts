// SPDX-License-Identifier: Apache-2.0
/**
 * Part of a guest: counts what `/bin/syscalls` does, and `/bin/answers`.
 *
 * @module
 */

import { SyscallCollector, type SyscallCollectorOptions } from "../../agent/collectors/syscall.ts";
import { MEMORY_BYTES } from "./memory.ts";

/** Returns what the threads of `/bin/answers` read from, by their names. */
async function readsOf(
  collector: SyscallCollector,
): Promise<Record<string, [call: string, count: number][]>> {
  const { stdout } = await new Deno.Command("/bin/answers").output();
  const program = JSON.parse(new TextDecoder().decode(stdout)).pid;
  const reads: Record<string, [call: string, count: number][]> = {};
  for (const { pid, comm, call, count } of (await collector.drain()).syscalls!) {
    if (pid === program && /^(read|recvfrom)\(/.test(call)) (reads[comm] ??= []).push([call, count]);
  }
  return reads;
}

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
  return { taskStorage: collector.taskStorage, runs, reads: await readsOf(collector) };
}
