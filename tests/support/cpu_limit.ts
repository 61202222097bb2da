// SPDX-License-Identifier: Apache-2.0
/**
 * Holds programs that tests watch to a part of a CPU, as what they burn is time that other tests wait for.
 *
 * @module
 */

/** In µs: a program has its part of each, which is short beside the windows in which tests sample. */
const PERIOD_US = 50_000;
const ROOT = "/sys/fs/cgroup/cpu";

/**
 * A cgroup that has a part of a CPU, which goes with its processes.
 *
 * It is of version 1, where that controller does not move a process from the cgroup by which agents know containers;
 * machines that have version 2 alone run programs as fast as they go.
 */
export class CpuLimit implements Disposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Holds a process, and what it starts from now on, to `share` of one CPU, above 0.
   *
   * @returns undefined where the machine has no such limit for us
   */
  static enter(pid: number, share: number): CpuLimit | undefined {
    const folder = `${ROOT}/aperture-test-${crypto.randomUUID()}`;
    try {
      Deno.statSync(`${ROOT}/cpu.cfs_quota_us`);
      Deno.mkdirSync(folder);
    } catch {
      return undefined;
    }
    const limit = new CpuLimit(folder);
    try {
      Deno.writeTextFileSync(`${folder}/cpu.cfs_period_us`, String(PERIOD_US));
      Deno.writeTextFileSync(`${folder}/cpu.cfs_quota_us`, String(Math.round(PERIOD_US * share)));
      Deno.writeTextFileSync(`${folder}/cgroup.procs`, String(pid));
    } catch {
      // The process has ended, or this is a real-time one, which no such limit holds.
      limit[Symbol.dispose]();
      return undefined;
    }
    return limit;
  }

  /** Lets go what is still in it. */
  [Symbol.dispose](): void {
    for (const pid of Deno.readTextFileSync(`${this.#folder}/cgroup.procs`).split("\n").filter(Boolean)) {
      try {
        Deno.writeTextFileSync(`${ROOT}/cgroup.procs`, pid);
      } catch {
        // It has ended since.
      }
    }
    try {
      Deno.removeSync(this.#folder);
    } catch {
      // A process that was killed is in it until it is gone; an empty folder in a file system in memory harms nobody.
    }
  }
}
