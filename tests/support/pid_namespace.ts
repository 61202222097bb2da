// SPDX-License-Identifier: Apache-2.0
/**
 * Pid namespaces: an agent in one sees what runs there, and need not read the code of all that runs beside the tests.
 *
 * @module
 */

import { RunningProgram } from "./programs.ts";
import { until } from "./until.ts";

/** A namespace with a /proc of its own; what runs in it ends with it. */
export class PidNamespace implements AsyncDisposable {
  readonly #holder: RunningProgram;
  /** The number of its first process, of this namespace. */
  readonly #first: number;

  private constructor(holder: RunningProgram, first: number) {
    this.#holder = holder;
    this.#first = first;
  }

  /** Makes one, in which a process sleeps. */
  static async start(): Promise<PidNamespace> {
    const flags = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    const holder = await RunningProgram.start("unshare", [...flags, "sh", "-c", "echo; exec sleep infinity"]);
    return new PidNamespace(holder, await childOf(holder.pid));
  }

  /** Returns the words of a command that runs `words` in it, in the folder `/`. */
  enter(...words: readonly string[]): [string, ...string[]] {
    return ["nsenter", `--target=${this.#first}`, "--pid", "--mount", "--", ...words];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder[Symbol.asyncDispose]();
  }
}

/** Waits for the child of a process, such as the program that `nsenter` runs, and returns its number. */
export async function childOf(pid: number): Promise<number> {
  return await until(() => {
    const [child] = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(" ");
    return child ? Number(child) : undefined;
  });
}
