// SPDX-License-Identifier: Apache-2.0
/**
 * Lists the files of the tree that people or generators write, without what is built or downloaded.
 *
 * @module
 */

/** The root of the repository, with a slash at its end. */
export const ROOT = new URL("../..", import.meta.url).pathname;

/** Folders that hold what is built, downloaded or stored by a run; the tree has no source below one. */
const NOT_SOURCES = new Set([
  ".git",
  ".tools",
  "node_modules",
  "bpf/build",
  "agent/build",
  "aggregator/ui/build",
  "data",
]);

/** Returns the paths of all source files, relative to the root and sorted. */
export function sourceFiles(): string[] {
  const found: string[] = [];
  const visit = (folder: string) => {
    for (const { name, isDirectory, isFile } of Deno.readDirSync(ROOT + folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (isDirectory && !NOT_SOURCES.has(path)) visit(path);
      if (isFile) found.push(path);
    }
  };
  visit("");
  return found.sort();
}
