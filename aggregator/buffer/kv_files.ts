// SPDX-License-Identifier: Apache-2.0
/**
 * The files of a Deno KV, which SQLite writes.
 *
 * @module
 */

/** SQLite's files end in these. */
const ENDS = ["", "-wal", "-shm"];

/** Tells whether there is something at `path`. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Gives those of the KV at `from` that are there the names of one at `to`. */
export async function moveFiles(from: string, to: string): Promise<void> {
  for (const end of ENDS) if (await exists(from + end)) await Deno.rename(from + end, to + end);
}

/** Removes those of the KV at `path` that are there. */
export function removeFiles(path: string): void {
  for (const end of ENDS) removeIfThere(path + end);
}

/** Removes the file at `path`, and says whether it was there. */
export function removeIfThere(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
