// SPDX-License-Identifier: Apache-2.0
/**
 * Gives the names of errors of system calls.
 *
 * @module
 */

import { constants } from "node:os";

/** Lists what the kernel says to itself where a signal interrupted a call; a program sees EINTR, or nothing. */
const RESTARTS: readonly (readonly [number, string])[] = [
  [512, "ERESTARTSYS"],
  [513, "ERESTARTNOINTR"],
  [514, "ERESTARTNOHAND"],
  [516, "ERESTART_RESTARTBLOCK"],
];

const NAMES = new Map<number, string>(RESTARTS);
// Of two names for one number (EAGAIN and EWOULDBLOCK) the first is the kernel's own.
for (const [name, number] of Object.entries(constants.errno)) {
  if (!NAMES.has(number)) NAMES.set(number, name);
}

/** Returns `ENOENT` for 2; the number as text where it has no name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? String(errno);
}
