// SPDX-License-Identifier: Apache-2.0
/**
 * Reads from deno.json which flags of Deno a task runs with, so that what starts a program elsewhere (the
 * command line, the demo, a test) gives it the same permissions.
 *
 * @module
 */

import denoJson from "../deno.json" with { type: "json" };

/** The one thing that a task asks the shell for: Deno's own path, by which a program starts another one. */
const OWN_PATH = "$(deno eval -p 'Deno.execPath()')";

/** Returns the flags between `deno run` and the script of a task, with Deno's own path put in. */
export function taskFlags(task: keyof typeof denoJson.tasks): string[] {
  return flagsOf(denoJson.tasks[task].command);
}

/**
 * Returns the flags of a command of a task.
 *
 * @throws {Error} when it is not `deno run`, flags and a script
 */
export function flagsOf(command: string): string[] {
  const words = command.match(/(?:"[^"]*"|[^\s"])+/g) ?? [];
  const [deno, run, ...rest] = words.map((word) => {
    return word.replaceAll('"', "").replace(OWN_PATH, Deno.execPath());
  });
  const script = rest.findIndex((word) => !word.startsWith("--"));
  if (deno !== "deno" || run !== "run" || script < 0) throw new Error(`Cannot read the task: ${command}`);
  return rest.slice(0, script);
}
