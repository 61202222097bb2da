// SPDX-License-Identifier: Apache-2.0
/**
 * Starts the agent and the aggregator as programs of their own, each with the permissions of its task.
 *
 * @module
 */

import { UserError } from "../../common/main.ts";
import { taskFlags } from "../../common/task_flags.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Is the main file of each program, which an image may be without. */
const MAINS = { agent: "agent/main.ts", aggregator: "aggregator/main.ts" } as const;
export type Part = keyof typeof MAINS;

export interface PartOptions {
  /** Are added to this program's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default {"inherit"} */
  readonly stdout?: "inherit" | "null";
  /** @default {"inherit"} */
  readonly stderr?: "inherit" | "null";
}

/** Is a program that was started; what ends this one ends it in order. */
export class RunningPart implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  #ended = false;
  /** Is its exit status. */
  readonly status: Promise<number>;

  /**
   * Starts a program where the user is.
   *
   * @throws {UserError} when this installation is without it
   */
  constructor(part: Part, args: readonly string[], { env = {}, ...streams }: PartOptions = {}) {
    const main = ROOT + MAINS[part];
    try {
      Deno.statSync(main);
    } catch (cause) {
      throw new UserError(`Cannot start the ${part} as this installation is without it: no ${main}`, {
        cause,
      });
    }
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...taskFlags(part), `--config=${ROOT}deno.json`, main, ...args],
      // As a task it runs in the project's folder, and takes names of files as meant where the user is.
      cwd: ROOT,
      env: { INIT_CWD: Deno.cwd(), ...env },
      stdin: "inherit",
      ...streams,
    }).spawn();
    this.status = this.#child.status.then(({ code }) => {
      this.#ended = true;
      return code;
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Waits for its end, and passes on that this program is to end: `signal` aborts with the signal's name. A terminal
   * sends SIGINT to both.
   */
  async end(signal: AbortSignal): Promise<number> {
    const pass = () => {
      if (signal.reason !== "SIGINT" || !Deno.stdin.isTerminal()) this.stop();
    };
    if (signal.aborted) pass();
    signal.addEventListener("abort", pass, { once: true });
    try {
      return await this.status;
    } finally {
      signal.removeEventListener("abort", pass);
    }
  }

  /** Asks it to end. */
  stop(): void {
    if (this.#ended) return;
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It ended meanwhile.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.status;
  }
}
