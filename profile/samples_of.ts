// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the samples of one kind, be it the agent's or a type of profile that others made.
 *
 * @module
 */

import { type ForeignColumns, KIND_NUMBER, type Profile } from "./model.ts";
import { type AnyKind, isProfileType } from "./profile_type.ts";

/** Returns the samples of `kind` as columns, in their order. */
export function samplesOf(
  { samples, foreign, strings }: Pick<Profile, "samples" | "foreign" | "strings">,
  kind: AnyKind,
): Omit<ForeignColumns, "type"> {
  const isForeign = isProfileType(kind);
  const table = isForeign ? foreign : samples;
  const keep = isForeign
    ? (row: number) => strings[foreign!.type[row]!] === kind
    : (row: number) => samples.kind[row] === KIND_NUMBER[kind];
  const rows = Array.from(table?.series.keys() ?? []).filter(keep);
  return {
    series: Uint32Array.from(rows, (row) => table!.series[row]!),
    stack: Uint32Array.from(rows, (row) => table!.stack[row]!),
    value: Float64Array.from(rows, (row) => table!.value[row]!),
    count: Float64Array.from(rows, (row) => table!.count[row]!),
  };
}
