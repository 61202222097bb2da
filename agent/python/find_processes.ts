/**
 * Finds the processes that may run Python, at a cost that a machine with thousands of processes bears.
 *
 * @module
 */

import { executableMappings, type Mapping } from "../metadata/maps.ts";

/** The pids of processes whose mappings are such that `mayRun` is true of them. */
export function* processesWith(
  mayRun: (mappings: readonly Mapping[]) => boolean,
  procRoot = "/proc",
): Generator<number> {
  for (const { name } of Deno.readDirSync(procRoot)) {
    if (/^\d+$/.test(name) && mayRun(mappingsOf(`${procRoot}/${name}`))) yield Number(name);
  }
}

function mappingsOf(folder: string): Mapping[] {
  try {
    return executableMappings(Deno.readFileSync(`${folder}/maps`));
  } catch {
    return []; // It is gone.
  }
}
