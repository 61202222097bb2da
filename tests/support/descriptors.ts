// SPDX-License-Identifier: Apache-2.0
/**
 * Looks at what a test's own process has open.
 *
 * @module
 */

/** Returns how many descriptors of this process are of the file at `path`. */
export function timesOpen(path: string): number {
  const links = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      return "";
    }
  });
  return links.filter((link) => link === path).length;
}
