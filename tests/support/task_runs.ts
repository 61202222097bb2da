// SPDX-License-Identifier: Apache-2.0
/**
 * Runs scripts with the permissions of their tasks.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { taskFlags } from "../../common/task_flags.ts";
import { type Ran, runProgram } from "./child.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

type Task = Parameters<typeof taskFlags>[0];

interface RunOptions {
  /** The tree to run in. @default {this one} */
  readonly root?: string;
  /** @default {those of the task} */
  readonly flags?: readonly string[];
}

/** Runs a script as its task does, to its end. */
export async function runScript(
  task: Task,
  [script, ...args]: readonly [string, ...string[]],
  { root = ROOT, flags = taskFlags(task) }: RunOptions = {},
): Promise<Ran> {
  return await runProgram(Deno.execPath(), ["run", ...flags, `${root}${script}`, ...args], { cwd: root });
}

/** Holds a run to having ended well, with no permission missing on the way. */
export function assertWorks({ code, stderr }: Ran): void {
  assert(!/NotCapable|Requires \w+ access|permission/.test(stderr), stderr);
  assertEquals(code, 0, stderr);
}
