// SPDX-License-Identifier: Apache-2.0
/**
 * Says what a process is called.
 *
 * @module
 */

import type { Series } from "./model.ts";

/**
 * Returns what people call the process of a series: the script that it runs or the link that it was called by, else the
 * base name of its program; of one of which none is known its thread's name, in brackets.
 */
export function processName({ process, exe, comm }: Pick<Series, "process" | "exe" | "comm">): string {
  if (process !== "") return process;
  const name = exe.replace(/ \(deleted\)$/, "").split("/").at(-1)!;
  if (name !== "") return name;
  return comm === "" ? "" : `[${comm}]`;
}
