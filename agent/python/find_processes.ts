// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the processes that may run Python, at a cost that a machine with thousands of processes bears.
 *
 * @module
 */

import { readSmallFile } from "../libbpf/mod.ts";
import { executableMappings } from "../metadata/maps.ts";
import type { Process } from "../metadata/processes.ts";

/** Returns the pids of the processes that `mayRun` is true of. */
export function* processesWith(
  mayRun: (process: Pick<Process, "mappings" | "folder">) => boolean,
  procRoot = "/proc",
): Generator<number> {
  for (const { name } of Deno.readDirSync(procRoot)) {
    if (!/^\d+$/.test(name)) continue;
    const folder = `${procRoot}/${name}`;
    const maps = readSmallFile(`${folder}/maps`);
    // It may be gone.
    if (maps && mayRun({ mappings: executableMappings(maps), folder })) yield Number(name);
  }
}
