// SPDX-License-Identifier: Apache-2.0
/**
 * Starts and ends processes that do a part of a program's work: what bytes of others do to them, they do to nobody else.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { setPriority } from "node:os";

const CONFIG = new URL("../deno.json", import.meta.url).pathname;
/** What can wait has this priority. */
const NICE = 10;

/** Says how a module is run. */
export interface ModuleOptions {
  /** Has Deno's flags, those of its permissions among them: without any it has none. */
  readonly flags: readonly string[];
  /** @default {[]} */
  readonly args?: readonly string[];
  readonly stderr: "piped" | "null";
}

/**
 * Starts a module of this installation, which may load nothing from elsewhere. Its input and output are pipes.
 *
 * @throws {Error} when the system starts no process
 */
export function startModule(
  module: string,
  { flags, args = [], stderr }: ModuleOptions,
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "--quiet",
        "--no-prompt",
        "--frozen",
        "--cached-only",
        `--config=${CONFIG}`,
        "--deny-import",
      ],
      ...[...flags, module, ...args],
    ],
    ...{ stdin: "piped", stdout: "piped", stderr },
  }).spawn();
}

/**
 * Lets other work go before that of a process that was just started, where the system allows it: threads that it starts
 * have the priority of the one that starts them.
 *
 * @param nice @default {10}
 */
export function lowerPriority({ pid }: Pick<Deno.ChildProcess, "pid">, nice = NICE): void {
  try {
    setPriority(pid, nice);
  } catch (error) {
    getLogger(["aperture"]).debug("Cannot lower the priority of process {pid}: {error}", { pid, error });
  }
}

/** Lets other threads go before the one that calls this, where the system allows it. */
export function lowerThreadPriority(nice: number): void {
  // To Linux 0 is the thread that asks, and a thread is what has a priority.
  lowerPriority({ pid: 0 }, nice);
}

/** Ends a process at once, unless it has ended. */
export function kill(child: Pick<Deno.ChildProcess, "kill">): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
