// SPDX-License-Identifier: Apache-2.0
/**
 * A command that the agent runs and watches, with all that it starts.
 *
 * @module
 */

import { statFields } from "../common/proc_stat.ts";
import { UserError } from "../common/main.ts";

/** Stops itself until the agent has begun to watch; then it becomes the command, under the same number. */
const GATE = 'kill -STOP $$; exec "$0" "$@"';

/** Runs once it is let go; ended with its group by what ends the agent. */
export class Command implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  #ended = false;
  /** Its exit status as a shell has it: 128 and the signal's number where one ended it. */
  readonly status: Promise<number>;

  /** Prepares `command`, whose input and outputs are those of the agent. */
  static prepare(command: readonly string[], { cwd }: { cwd: string }): Command {
    try {
      const args = ["-c", GATE, ...command];
      return new Command(new Deno.Command("/bin/sh", { args, cwd, stdin: "inherit" }).spawn());
    } catch (cause) {
      throw new UserError(`Cannot run '${command[0]}': ${(cause as Error).message}`, { cause });
    }
  }

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.status = child.status.then(({ code }) => {
      this.#ended = true;
      return code;
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Lets it run. */
  async begin(): Promise<void> {
    while (!this.#ended && stateOf(this.pid) !== "T") await new Promise((resolve) => setTimeout(resolve, 5));
    this.#signal("SIGCONT");
  }

  /** Passes a signal on that the agent got. */
  stop(): void {
    this.#signal("SIGTERM");
  }

  #signal(signal: Deno.Signal): void {
    if (this.#ended) return;
    try {
      this.#child.kill(signal);
    } catch {
      // It ended meanwhile.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGTERM");
    this.#signal("SIGCONT");
    await this.status;
  }
}

/** Returns the state of a process in `/proc/PID/stat`, such as T for one that is stopped; "" when it is gone. */
function stateOf(pid: number): string {
  try {
    return statFields(Deno.readTextFileSync(`/proc/${pid}/stat`))[0]!;
  } catch {
    return "";
  }
}
