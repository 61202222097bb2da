// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task aperture`
 *
 * @module
 */

import { run, stopSignal } from "../common/main.ts";
import { runProgram } from "./program.ts";

async function main(): Promise<number> {
  const terminal = Deno.stdout.isTerminal();
  const { INIT_CWD, ...env } = Deno.env.toObject();
  // A task runs in the project's folder: names of files are meant where it was called.
  if (INIT_CWD !== undefined) Deno.chdir(INIT_CWD);
  return await runProgram(Deno.args, {
    env,
    stdout: Deno.stdout,
    stderr: Deno.stderr,
    terminal,
    width: () => terminal ? Deno.consoleSize().columns : Infinity,
    colors: terminal && !Deno.noColor,
    now: Date.now,
    signal: stopSignal(),
  });
}

await run("aperture", main);
