// SPDX-License-Identifier: Apache-2.0
/**
 * Says in words how two sides differ.
 *
 * @module
 */

import { type AnyKind, isProfileType } from "../../../profile/profile_type.ts";
import { changeOf, sideOf } from "../flame/diff.ts";
import { formatChange } from "../parts/format.ts";
import { amountText, isTime } from "../parts/kind_words.ts";
import type { Compared, ComparedSide } from "./compare_ask.ts";

/** Returns what is said of all that is compared. */
export function wordsOf({ kind, base, compare }: Pick<Compared, "kind" | "base" | "compare">): string {
  if (base.total.value === 0) return "There is nothing to compare with: A has no samples";
  if (compare.total.value === 0) return "There is nothing to compare: B has no samples";
  const side = ({ total, seconds }: ComparedSide) => sideOf(total, { norm: "core", seconds, kind });
  const change = changeOf(base.total.value, compare.total.value, {
    base: side(base),
    compare: side(compare),
  });
  const time = isTime(kind) ? " time" : "";
  const amount = ({ total, seconds }: ComparedSide) => amountText(total.value, kind, seconds);
  const rate = ({ total, seconds }: ComparedSide) => total.value / seconds;
  const word = change === 0
    ? `as much${time} as before`
    : `${takes(change, kind)} (${formatChange(rate(base), rate(compare))})`;
  return `A ${amount(base)}, B ${amount(compare)}: ${word}`;
}

/** Returns what is said of a box, which `change` is the difference of. */
export function sentenceOf(
  { base, compare, change, kind }: { base: number; compare: number; change: number; kind: AnyKind },
): string {
  if (change === 0) return "no difference that counts";
  if (base === 0) return "is new";
  return compare === 0 ? "has gone" : takes(change, kind);
}

/** Says what the colours of a comparison mean. */
export function scaleText(kind: AnyKind): string {
  const less = isTime(kind) ? "less time" : "less";
  return `Blue takes ${less} than before, orange takes more; grey is ${
    isProfileType(kind) ? "" : "within chance (two standard deviations of the counts) or "
  }below 0.1 % of all. What has gone is striped.`;
}

function takes(change: number, kind: AnyKind): string {
  return `takes ${change > 0 ? "more" : "less"}${isTime(kind) ? " time" : ""}`;
}
