// SPDX-License-Identifier: Apache-2.0
/**
 * Sets how much the agent's own work matters among all others'.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { existsSync } from "node:fs";
import { setPriority } from "node:os";
import { statFields } from "../common/proc_stat.ts";

const logger = getLogger(["aperture", "agent"]);

/** The thread that drains and names has this priority. */
const NICE = -10;

/**
 * Raises the priority of little work that must be done in time: on a busy machine, maps fill while the agent waits for
 * its turn.
 */
export function raisePriority({ session }: { session: boolean }): void {
  try {
    setPriority(NICE);
    // Where the kernel shares CPUs out among sessions first, that of a service is to have its turn, too; a terminal's
    // has the user's own work in it.
    const group = "/proc/self/autogroup";
    if (session && !hasTerminal() && existsSync(group)) {
      Deno.writeTextFileSync(group, String(NICE), { create: false });
    }
  } catch (error) {
    logger.debug("Cannot raise the priority: {error}", { error });
  }
}

/** Tells whether somebody sits before the terminal that this process belongs to: field 7 of `/proc/PID/stat`. */
function hasTerminal(): boolean {
  return statFields(Deno.readTextFileSync("/proc/self/stat"))[4] !== "0";
}
