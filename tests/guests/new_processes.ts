// SPDX-License-Identifier: Apache-2.0
/**
 * Part of a guest: processes that end before anybody could have read them.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { CpuCollector } from "../../agent/collectors/cpu.ts";
import type { Unwinder } from "../../agent/unwind/unwinder.ts";
import { linkedAt } from "./linked_at.ts";
import { MEMORY_BYTES } from "./memory.ts";

const PROCESSES = 8;
/** The agent looks for new processes every 50 ms, where nothing keeps it from that. */
const LIFE_MS = 300;

/** Returns the stacks of short runs of `/bin/chain`, whose file is known and whose process is not. */
export async function watchNewProcesses(unwinder: Unwinder) {
  using collector = CpuCollector.open({ unwinder, freq: 499, memoryBytes: MEMORY_BYTES });
  const pids = new Set<number>();
  for (let i = 0; i < PROCESSES; i++) {
    const child = new Deno.Command("/bin/chain", { stdout: "null", stderr: "null" }).spawn();
    pids.add(child.pid);
    // Nothing of the agent runs meanwhile, so that no process is read before it ends.
    sleep(LIFE_MS);
    child.kill("SIGKILL");
    await child.status;
    await delay(0);
  }
  const { samples } = await collector.drain();
  return samples.filter(({ pid }) => pids.has(pid))
    .map(({ user, count }) => ({ user: user.map(linkedAt), count }));
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
