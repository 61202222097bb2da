// SPDX-License-Identifier: Apache-2.0
/**
 * Parts that end by themselves.
 *
 * @module
 */

import { Program } from "../../tasks/programs.ts";
import { PATIENCE_MS } from "./until.ts";

/** Says how a part ended. */
export interface Ended {
  readonly code: number;
  readonly stderr: string;
}

/** Runs a part to its end; a part that does not end within five minutes is killed, and fails by its status. */
export async function endOf(program: Program): Promise<Ended> {
  const timer = setTimeout(() => program.child.kill("SIGKILL"), PATIENCE_MS);
  const stderr = await new Response(program.child.stderr).text();
  const { code } = await program.child.status;
  clearTimeout(timer);
  return { code, stderr };
}

/** Runs an agent to its end. */
export function endOfAgent(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return endOf(new Program("agent", args, { stderr: "piped", env }));
}
