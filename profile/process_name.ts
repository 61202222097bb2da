// SPDX-License-Identifier: Apache-2.0
/**
 * Says what a process is called.
 *
 * @module
 */

import type { Series } from "./model.ts";

/** Returns the base name of the program; of a process whose program is not known its thread's name, in brackets. */
export function processName({ exe, comm }: Pick<Series, "exe" | "comm">): string {
  const name = exe.replace(/ \(deleted\)$/, "").split("/").at(-1)!;
  if (name !== "") return name;
  return comm === "" ? "" : `[${comm}]`;
}
