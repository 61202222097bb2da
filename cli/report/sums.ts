// SPDX-License-Identifier: Apache-2.0
/**
 * Sums a profile by function, by any other part of its frames, or by what its samples belong to.
 *
 * @module
 */

import {
  frameAt,
  type Kind,
  KIND_NUMBER,
  type Profile,
  seriesAt,
  UNKNOWN_MODULE,
} from "../../profile/model.ts";
import { processName } from "../../profile/process_name.ts";

export const FRAME_GROUPS = ["function", "module", "file", "line"] as const;
export const SERIES_GROUPS = [
  "process",
  "thread",
  "pid",
  "pod",
  "namespace",
  "service",
  "container",
] as const;
export const GROUPS = [...FRAME_GROUPS, ...SERIES_GROUPS] as const;
export type Group = (typeof GROUPS)[number];

/** Is what one group took. */
export interface SumRow {
  readonly name: string;
  /** Is "" but of functions. */
  readonly module: string;
  /** Sums the stacks where it is the leaf; of series, all. */
  self: number;
  /** Sums the stacks where it is anywhere, once for each. */
  total: number;
  count: number;
}

/** Returns the sums of samples of `kind`, the largest own value first. */
export function sumsBy(profile: Profile, kind: Kind, group: Group): SumRow[] {
  const rows = new Map<string, SumRow>();
  const rowOf = (name: string, module = "") => {
    const key = `${name}\0${module}`;
    let row = rows.get(key);
    if (!row) rows.set(key, row = { name: name || UNKNOWN_MODULE, module, self: 0, total: 0, count: 0 });
    return row;
  };
  const frameGroup = FRAME_GROUPS.find((each) => each === group);
  const bySeries = frameGroup
    ? []
    : Array.from(profile.series.pid, (_, i) => rowOf(seriesName(profile, i, group)));
  const byFrame = frameGroup
    ? Array.from(profile.frames.line, (_, i) => rowOf(...frameName(profile, i, frameGroup)))
    : [];
  const { samples, stacks: { offset, frame } } = profile;
  for (let i = 0; i < samples.kind.length; i++) {
    if (samples.kind[i] !== KIND_NUMBER[kind]) continue;
    const value = samples.value[i]!;
    const count = samples.count[i]!;
    const [start, end] = [offset[samples.stack[i]!]!, offset[samples.stack[i]! + 1]!];
    const inStack = frameGroup
      ? new Set(Array.from(frame.subarray(start, end), (row) => byFrame[row]!))
      : new Set([bySeries[samples.series[i]!]!]);
    for (const row of inStack) row.total += value;
    const [leaf] = inStack;
    if (!leaf) continue;
    leaf.self += value;
    leaf.count += count;
  }
  return [...rows.values()].filter(({ total }) => total > 0)
    .sort((a, b) => b.self - a.self || b.total - a.total || (a.name < b.name ? -1 : 1));
}

function frameName(
  profile: Profile,
  row: number,
  group: (typeof FRAME_GROUPS)[number],
): [name: string, module?: string] {
  const { function: name, module, file, line } = frameAt(profile, row);
  if (group === "function") return [name, module];
  if (group === "module") return [module];
  return [group === "file" || file === "" ? file : `${file}:${line}`];
}

function seriesName(profile: Profile, row: number, group: Group): string {
  const series = seriesAt(profile, row);
  if (group === "process") return processName(series);
  if (group === "thread") return series.comm;
  if (group === "pid") return series.pid === 0 ? "" : String(series.pid);
  return series[group as "pod" | "namespace" | "service" | "container"];
}
