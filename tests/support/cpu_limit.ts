// SPDX-License-Identifier: Apache-2.0
/**
 * Holds programs that tests watch to a part of a CPU, as what they burn is time that other tests wait for.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { TempCgroup } from "./cgroup.ts";

/** In µs: a program has its part of each, which is short beside the windows in which tests sample. */
const PERIOD_US = 50_000;
/**
 * It is of version 1, where that controller does not move a process from the cgroup by which agents know containers;
 * machines that have version 2 alone run programs as fast as they go.
 */
const HIERARCHY = "/sys/fs/cgroup/cpu";
/**
 * A program has its part also where others want the CPU: a cgroup is one of many for the scheduler, and one that an agent
 * has raised has most.
 */
const SHARES = 1 << 18;

/**
 * Holds a process, and what it starts from now on, to `share` of one CPU, above 0, until what is returned is disposed of.
 *
 * @returns undefined where the machine has no such limit for us
 */
export function limitCpu(pid: number, share: number): Disposable | undefined {
  if (!existsSync(`${HIERARCHY}/cpu.cfs_quota_us`)) return undefined;
  using limit = new DisposableStack();
  try {
    const cgroup = limit.use(TempCgroup.create("", HIERARCHY));
    cgroup.set("cpu.shares", SHARES);
    cgroup.set("cpu.cfs_period_us", PERIOD_US);
    cgroup.set("cpu.cfs_quota_us", Math.round(PERIOD_US * share));
    cgroup.enter(pid);
  } catch {
    // We may not, the process has ended, or it is a real-time one, which no such limit holds.
    return undefined;
  }
  return limit.move();
}
