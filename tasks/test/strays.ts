// SPDX-License-Identifier: Apache-2.0
/**
 * Processes that a run of tests leaves behind.
 *
 * @module
 */

import { delay } from "@std/async/delay";

/**
 * The variable of the environment that marks each process of a run with the run's name. It is no setting of ours, so
 * that the agents and aggregators that tests start pass it on.
 */
export const MARK = "TEST_RUN_OF_APERTURE";

/** Kills the processes that carry `mark`, other than this one, until there are none, and gives their command lines. */
export async function killMarked(mark: string): Promise<string[]> {
  const killed = new Map<number, string>();
  for (let pids = marked(mark); pids.length > 0; pids = marked(mark)) {
    for (const pid of pids) {
      if (!killed.has(pid)) killed.set(pid, `${commandLine(pid)} (${pid})`);
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await delay(10);
  }
  return [...killed.values()];
}

function marked(mark: string): number[] {
  const line = `${MARK}=${mark}`;
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
    return pid > 0 && pid !== Deno.pid && read(`/proc/${pid}/environ`).split("\0").includes(line);
  });
}

function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim().slice(0, 120);
}

/** Gives the text of a file of /proc; of a process that is gone, or a zombie, "". */
function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
