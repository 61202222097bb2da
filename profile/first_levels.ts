// SPDX-License-Identifier: Apache-2.0
/**
 * Says what stands above the functions of stacks, in every output: the process, then the thread.
 *
 * @module
 */

import type { Label } from "./labels.ts";
import { type Profile, type Series, seriesAt } from "./model.ts";
import { processName } from "./process_name.ts";

/** Is a label that a profile itself has: which node it is of is known to whoever keeps it. */
export type Level = Exclude<Label, "node">;

/** Lists the labels whose values are the first levels where nothing else is said, that of the root first. */
export const DEFAULT_LEVELS = ["process", "comm"] as const satisfies readonly Level[];

/** Returns what a series is called at each of `levels`; "" where that is not known. */
export function levelNames(series: Series, levels: readonly Level[] = DEFAULT_LEVELS): string[] {
  return levels.map((level) => {
    if (level === "process") return processName(series);
    return level === "pid" ? (series.pid === 0 ? "" : String(series.pid)) : series[level];
  });
}

/** Returns those of the levels at which any series of `profile` has a name: files of others may not say of threads. */
export function knownLevels(profile: Pick<Profile, "series" | "strings">): readonly Level[] {
  const names = Array.from(profile.series.pid, (_, row) => levelNames(seriesAt(profile, row)));
  return DEFAULT_LEVELS.filter((_, i) => names.some((ofSeries) => ofSeries[i] !== ""));
}
