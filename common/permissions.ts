// SPDX-License-Identifier: Apache-2.0
/**
 * Asks for the permissions of Deno that a run needs before it begins, so that what is missing is one sentence
 * at the start and not a failure in the middle.
 *
 * @module
 */

import { UserError } from "./main.ts";

/** One thing that a run does, and the permission that it takes. */
export interface Need {
  /** Completes "Cannot …", as in `listen on 0.0.0.0:9090`. */
  readonly to: string;
  readonly permission: Deno.PermissionDescriptor;
  /** The flag that gives it, as in `--allow-net=0.0.0.0:9090`. */
  readonly flag: string;
}

/**
 * Holds each need to what Deno was told to allow.
 *
 * @throws {UserError} naming the first that is missing, and the flag that gives it
 */
export function checkPermissions(needs: readonly Need[]): void {
  for (const { to, permission, flag } of needs) {
    if (Deno.permissions.querySync(permission).state === "granted") continue;
    throw new UserError(`Cannot ${to} as a permission of Deno is missing: start the program with ${flag}`);
  }
}

/** Returns the need to reach or to take `host`, which is a name or an address with a port. */
export function needsNet(to: string, host: string): Need {
  return { to, permission: { name: "net", host }, flag: `--allow-net=${host}` };
}

/** Returns the need to read `path`, and all below it. */
export function needsRead(to: string, path: string): Need {
  return { to, permission: { name: "read", path }, flag: `--allow-read=${path}` };
}

/** Returns the need to write `path`, and all below it. */
export function needsWrite(to: string, path: string): Need {
  return { to, permission: { name: "write", path }, flag: `--allow-write=${path}` };
}

/** Returns the need to start `command`, which is a program's path. */
export function needsRun(to: string, command: string): Need {
  return { to, permission: { name: "run", command }, flag: `--allow-run=${command}` };
}

const EVERYTHING = ["read", "write", "net", "env", "sys", "run", "ffi", "import"] as const;

/** Returns the needs of a program that may do everything; `to` says what for. */
export function needsEverything(to: string): Need[] {
  return EVERYTHING.map((name) => ({ to, permission: { name }, flag: "--allow-all, and with no --deny" }));
}
