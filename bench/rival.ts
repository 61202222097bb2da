// SPDX-License-Identifier: Apache-2.0
/**
 * Runs tracing tools that are not ours beside what is measured.
 *
 * @module
 */

import { delay } from "@std/async/delay";

/** bcc compiles its programs when it starts. */
const START_MS = 4000;

/** A tool that watches until it is disposed of. */
export class Rival implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /**
   * Starts `command`, with tracefs, which tools that attach to tracepoints want and which need not be mounted here.
   *
   * @throws {Error} when it ends by itself
   */
  static async start(command: readonly [string, ...string[]]): Promise<Rival> {
    const script = 'mount -t tracefs none /sys/kernel/tracing 2>/dev/null; exec "$0" "$@"';
    const child = new Deno.Command("unshare", {
      args: ["--mount", "sh", "-c", script, ...command],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const ended = await Promise.race([child.status.then(() => true), delay(START_MS).then(() => false)]);
    if (ended) throw new Error(`Cannot start ${command[0]}`);
    return new Rival(child);
  }

  /** Returns the first of `commands` that runs on this machine; `undefined` when none does. */
  static async find<Command extends readonly [string, ...string[]]>(
    commands: readonly Command[],
  ): Promise<Command | undefined> {
    for (const command of commands) {
      try {
        await using _started = await Rival.start(command);
        return command;
      } catch {
        // Not installed, or without the kernel's headers.
      }
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#child.status;
  }
}
