// SPDX-License-Identifier: Apache-2.0
/**
 * Writes speedscope's own format: several kinds in one file, inlined functions as frames of their own.
 *
 * The format: https://github.com/jlfwong/speedscope/wiki/Importing-from-custom-sources
 *
 * @module
 */

import { levelNames } from "../first_levels.ts";
import { frameAt, type Profile, seriesAt, UNKNOWN_MODULE } from "../model.ts";
import { type AnyKind, unitOf } from "../profile_type.ts";
import { samplesOf } from "../samples_of.ts";
import { speedscopeUnit } from "./speedscope_unit.ts";

export interface SpeedscopeOptions {
  /** Is the title of the file. */
  readonly name: string;
  readonly value?: "value" | "count";
}

/** Returns one profile of the format for each of `kinds`, each with the samples of its kind, as JSON. */
export function speedscopeJson(
  kinds: readonly { readonly kind: AnyKind; readonly profile: Profile }[],
  { name, value = "value" }: SpeedscopeOptions,
): string {
  const frames: { name: string; file?: string; line?: number }[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (frame: { name: string; file?: string; line?: number }) => {
    const key = `${frame.name}\0${frame.file ?? ""}\0${frame.line ?? 0}`;
    let number = numbers.get(key);
    if (number === undefined) numbers.set(key, number = frames.push(frame) - 1);
    return number;
  };
  const profiles = kinds.map(({ kind, profile }) => {
    const { stacks: { offset, frame } } = profile;
    const table = samplesOf(profile, kind);
    const known: number[] = [];
    const levels: number[][] = [];
    const samples: number[][] = [];
    const weights: number[] = [];
    for (const [i, weight] of table[value].entries()) {
      if (weight === 0) continue;
      const stack = table.stack[i]!;
      const rows = frame.subarray(offset[stack], offset[stack + 1]);
      const series = table.series[i]!;
      samples.push([
        ...levels[series] ??= levelNames(seriesAt(profile, series)).filter((name) => name !== "")
          .map((name) => numberOf({ name })),
        // The format has the root first.
        ...Array.from(rows, (row) => known[row] ??= numberOf(placeOf(profile, row))).reverse(),
      ]);
      weights.push(weight);
    }
    const unit = value === "count" ? "none" : speedscopeUnit(unitOf(kind));
    const endValue = weights.reduce((sum, weight) => sum + weight, 0);
    return { type: "sampled", name: kind, unit, startValue: 0, endValue, samples, weights };
  });
  return JSON.stringify({
    $schema: "https://www.speedscope.app/file-format-schema.json",
    name,
    exporter: "aperture",
    activeProfileIndex: 0,
    shared: { frames },
    profiles,
  });
}

function placeOf(profile: Profile, row: number): { name: string; file?: string; line?: number } {
  const { function: name, module, file, line } = frameAt(profile, row);
  return {
    name: name || UNKNOWN_MODULE,
    ...(file || module ? { file: file || module } : {}),
    ...(line > 0 && { line }),
  };
}
