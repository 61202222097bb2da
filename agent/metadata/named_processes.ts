// SPDX-License-Identifier: Apache-2.0
/**
 * Finds processes of this machine by name.
 *
 * @module
 */

import { UserError } from "../../common/main.ts";

/** A thread's name has so many characters at most. */
const MAX_COMM = 15;

/** Returns the one process whose name is `comm`. @throws {UserError} when there is none, or several */
export function processNamed(comm: string): number {
  const pids = pidsOf(comm);
  if (pids.length === 1) return pids[0]!;
  if (pids.length === 0) throw new UserError(`Cannot profile '${comm}': there is no process of this name`);
  const all = pids.join(", ");
  throw new UserError(
    `Cannot profile '${comm}' as ${pids.length} processes have this name: choose by --pid: ${all}`,
  );
}

/** Returns the processes whose name is `comm`, or as much of it as the kernel keeps; this one is left out. */
export function pidsOf(comm: string, proc = "/proc"): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync(proc)) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      if (Deno.readTextFileSync(`${proc}/${name}/comm`).trimEnd() === comm.slice(0, MAX_COMM)) {
        found.push(Number(name));
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return found.sort((a, b) => a - b);
}
