// SPDX-License-Identifier: Apache-2.0
/**
 * Reads all mappings out of `/proc/PID/maps` (proc(5)), with what tells kinds of memory apart.
 *
 * @module
 */

/** One mapping. */
export interface DataMapping {
  readonly start: number;
  readonly end: number;
  /** Nobody may touch it. */
  readonly closed: boolean;
  /** What is written there others see, who have it mapped, too. */
  readonly shared: boolean;
  /** The path of a file, or `[heap]` and the like; "" for none. */
  readonly path: string;
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) ([-r])([-w])([-x])([sp]) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ \d+ *(.*)$/gm;

/**
 * Returns the mappings in `maps`, in ascending order of address as the kernel lists them.
 *
 * @param limit at most so many
 */
export function allMappings(maps: string, limit = 65_536): DataMapping[] {
  const found: DataMapping[] = [];
  for (const [, start, end, r, w, x, kind, path] of maps.matchAll(LINE)) {
    if (found.length >= limit) break;
    found.push({
      start: parseInt(start!, 16),
      end: parseInt(end!, 16),
      closed: `${r}${w}${x}` === "---",
      shared: kind === "s",
      path: path!,
    });
  }
  return found;
}
