// SPDX-License-Identifier: Apache-2.0
/**
 * Writes folded stacks: one line a stack, as `flamegraph.pl`, speedscope and inferno read it.
 *
 * @module
 */

import { levelNames } from "../first_levels.ts";
import { type Profile, seriesAt, UNKNOWN_MODULE } from "../model.ts";
import type { AnyKind } from "../profile_type.ts";
import { samplesOf } from "../samples_of.ts";

export interface FoldedOptions {
  readonly kind: AnyKind;
  /** The number at the end of a line is this amount. @default {"value"} */
  readonly value?: "value" | "count";
}

/**
 * Returns the samples of `kind` as lines `process;thread;root;…;leaf NUMBER`, sorted; equal lines are summed. A name of
 * process or thread that is not known is left out, where the other is known.
 *
 * The format has no escapes: a `;` in a name becomes `:`, a control character or line separator a space.
 */
export function foldedStacks(profile: Profile, { kind, value = "value" }: FoldedOptions): string {
  const { strings, frames, stacks: { offset, frame } } = profile;
  const samples = samplesOf(profile, kind);
  const clean = strings.map(escapeName);
  const sums = new Map<string, number>();
  const begins: string[] = [];
  for (let i = 0; i < samples.series.length; i++) {
    const weight = samples[value][i]!;
    if (weight === 0) continue;
    let line = begins[samples.series[i]!] ??= beginning(profile, samples.series[i]!);
    const stack = samples.stack[i]!;
    for (let f = offset[stack + 1]! - 1; f >= offset[stack]!; f--) {
      line += ";" + (clean[frames.function[frame[f]!]!] || UNKNOWN_MODULE);
    }
    sums.set(line, (sums.get(line) ?? 0) + weight);
  }
  return sums.entries().map(([line, sum]) => `${line} ${sum}\n`).toArray().sort().join("");
}

function beginning(profile: Profile, series: number): string {
  const known = levelNames(seriesAt(profile, series)).filter((name) => name !== "");
  return known.map(escapeName).join(";") || UNKNOWN_MODULE;
}

function escapeName(name: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what it is about
  return name.replaceAll(";", ":").replaceAll(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, " ");
}
