// SPDX-License-Identifier: Apache-2.0
/**
 * Says what the agent itself takes of the machine.
 *
 * @module
 */

import { cpuSeconds, statFields } from "../common/proc_stat.ts";
import type { AgentUsage } from "../profile/model.ts";
import { residentBytes } from "./memory/keeper.ts";

export interface OwnUsageOptions {
  /** Is the process that reads debug information for this one, while there is one. */
  readonly reader: () => number | undefined;
  /** @default {this process} */
  readonly pid?: number;
  /** @default {"/proc"} */
  readonly procRoot?: string;
}

/** Takes the processor's time from one call to the next. */
export class OwnUsage {
  readonly #options: Required<OwnUsageOptions>;
  /** Holds the time of each process when it was looked at last, in ns. */
  #last: ReadonlyMap<number, number>;

  constructor(options: OwnUsageOptions) {
    this.#options = { pid: Deno.pid, procRoot: "/proc", ...options };
    this.#last = this.#times();
  }

  /** Returns what was taken since the last call, or since this was made; of a process that has ended since, nothing. */
  next(): AgentUsage {
    const times = this.#times();
    let cpuNs = 0;
    for (const [pid, time] of times) cpuNs += time - (this.#last.get(pid) ?? 0);
    this.#last = times;
    return { cpuNs, memoryBytes: residentBytes(this.#pids(), this.#options.procRoot) };
  }

  #pids(): number[] {
    const { pid, reader } = this.#options;
    return [pid, reader()].filter((each) => each !== undefined);
  }

  #times(): Map<number, number> {
    const times = new Map<number, number>();
    for (const pid of this.#pids()) {
      const time = this.#time(pid);
      if (time !== undefined) times.set(pid, time);
    }
    return times;
  }

  #time(pid: number): number | undefined {
    try {
      const fields = statFields(Deno.readTextFileSync(`${this.#options.procRoot}/${pid}/stat`));
      const { user, system } = cpuSeconds(fields);
      return Math.round((user + system) * 1e9);
    } catch {
      // It has ended.
      return undefined;
    }
  }
}
