// SPDX-License-Identifier: Apache-2.0
/**
 * Part of a guest: walks the stacks of a process, which stands still before and after.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { CpuCollector } from "../../agent/collectors/cpu.ts";
import type { Unwinder } from "../../agent/unwind/unwinder.ts";
import { linkedAt } from "./linked_at.ts";
import { MEMORY_BYTES } from "./memory.ts";

/** This many are asked for. */
const SAMPLES = 60;

/** Returns which stacks there were, how walks ended, and what was lost. */
export async function walkStacks(unwinder: Unwinder, child: Deno.ChildProcess) {
  using collector = CpuCollector.open({ unwinder, freq: 99, pid: child.pid, memoryBytes: MEMORY_BYTES });
  child.kill("SIGCONT");
  // An emulated machine is slow: what is missed at first is loaded within some seconds.
  for (let quiet = 0; quiet < 2;) {
    await delay(500);
    const { stackEnds } = await collector.drain();
    if (stackEnds?.size) quiet = stackEnds.has("no_process") || stackEnds.has("no_page") ? 0 : quiet + 1;
  }
  const user: { user: readonly number[]; count: number }[] = [];
  const ends = new Map<string, number>();
  const lost = new Map<string, number>();
  while (user.reduce((sum, { count }) => sum + count, 0) < SAMPLES) {
    await delay(500);
    const { samples, stackEnds, losses } = await collector.drain();
    for (const { user: words, count } of samples) user.push({ user: words.map(linkedAt), count });
    for (const [end, count] of stackEnds!) ends.set(end, (ends.get(end) ?? 0) + count);
    for (const [loss, count] of losses) lost.set(loss, (lost.get(loss) ?? 0) + count);
  }
  child.kill("SIGSTOP");
  return { user, ends: [...ends], losses: [...lost] };
}
