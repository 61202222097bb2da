// SPDX-License-Identifier: Apache-2.0
/**
 * Does what every main does: usage errors are one line and exit status 2, failures one line and 1.
 *
 * @module
 */

import { resolve } from "node:path/posix";
import denoJson from "../deno.json" with { type: "json" };
import { UsageError } from "./settings.ts";

/** The version of all parts. */
export const VERSION: string = denoJson.version;

/** A failure that the user can mend: its message is shown without a stack trace, exit status 1. */
export class UserError extends Error {
  override name = "UserError";
}

/**
 * Runs `main` and ends the process with its exit status.
 *
 * @param name stands before an error's message
 */
export async function run(name: string, main: () => Promise<number>): Promise<never> {
  try {
    Deno.exit(await main());
  } catch (error) {
    await print(Deno.stderr, `${name}: ${describe(error)}\n`);
    Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}

/** Writes all of `text`; a closed pipe is no error. */
export async function print(to: { write(data: Uint8Array): Promise<number> }, text: string): Promise<void> {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(await to.write(rest));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Aborts at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => {
      if (stop.signal.aborted) Deno.exit(name === "SIGINT" ? 130 : 143);
      stop.abort(name);
    });
  }
  return stop.signal;
}

/** Returns `path` as the user meant it: a task runs in the project's folder, INIT_CWD is where it was called. */
export function userPath(path: string): string {
  return resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), path);
}

/** Gives a user's error without its stack, as it gives a permission that Deno was not told to allow. */
function describe(error: unknown): string {
  if (error instanceof UsageError || error instanceof UserError) return error.message;
  if (error instanceof Deno.errors.NotCapable) {
    return `Cannot go on as a permission of Deno is missing: ${error.message}`;
  }
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
