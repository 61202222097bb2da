// SPDX-License-Identifier: Apache-2.0
/**
 * Says in words what kinds are: what a time line of one shows, how amounts are written, and what is compared.
 *
 * @module
 */

import { type AnyKind, isProfileType, profileTypeParts, unitOf } from "../../../profile/profile_type.ts";
import type { Norm } from "../flame/diff.ts";
import { formatDuration } from "../state/range.ts";
import { formatNumber, formatShare, formatValue, perSecondOf } from "./format.ts";

/** Returns what a kind is called: `CPU`, `memory inuse_space`; a name that says the type already stands alone. */
export function kindText(kind: AnyKind): string {
  if (!isProfileType(kind)) return { cpu: "CPU", lock: "Locks", syscall: "System calls" }[kind];
  const { name, type } = profileTypeParts(kind);
  return name.startsWith(type) ? name : `${name} ${type}`;
}

/** Returns what samples of a kind are called where there are none. */
export function samplesText(kind: AnyKind): string {
  if (isProfileType(kind)) return `profiles of ${kindText(kind)}`;
  return { cpu: "CPU samples", lock: "waits for locks", syscall: "system calls" }[kind];
}

/** Returns whether values of `kind` are time. */
export function isTime(kind: AnyKind): boolean {
  return perSecondOf(unitOf(kind)) !== undefined;
}

/** Says how a time line's sums of a step are shown. */
export interface Measure {
  /** Says what the numbers are: `cores busy`. */
  readonly text: string;
  /** Is what a sum is multiplied by. */
  readonly scale: number;
  readonly format: (value: number) => string;
  /** Is the number whose powers units grow by. */
  readonly base: 10 | 1024;
}

const BUSY = { cpu: "cores busy", lock: "threads waiting for locks", syscall: "threads in system calls" };

/**
 * Returns how steps of `step` seconds are shown. Time is shown by the second; what others count otherwise may be a level
 * or a growth, of which the sum of a step is all that is known.
 */
export function measureOf(kind: AnyKind, step: number): Measure {
  const unit = unitOf(kind);
  const second = perSecondOf(unit);
  if (second !== undefined) {
    const text = isProfileType(kind) ? `${kindText(kind)}, seconds a second` : BUSY[kind];
    return { text, scale: 1 / second / step, format: formatNumber, base: 10 };
  }
  return {
    text: `${kindText(kind)}, ${unit} in each ${formatDuration(step * 1000)}`,
    scale: 1,
    format: (value) => formatValue(value, unit),
    base: unit === "bytes" ? 1024 : 10,
  };
}

/** Names the ways in which sides of `kind` are compared. */
export function normTexts(kind: AnyKind): Readonly<Record<Norm, string>> {
  const core = kind === "cpu" ? "Cores" : isProfileType(kind) ? "Per second" : "Threads";
  return { share: "Share", core, second: isTime(kind) ? "Seconds" : "Amount" };
}

/** Writes a side's value, as it was scaled for `norm`. */
export function formatNormed(value: number, kind: AnyKind, norm: Norm): string {
  if (norm === "share") return formatShare(value, 1);
  if (isTime(kind)) {
    const unit = norm === "second" ? "s" : kind === "cpu" ? "cores" : isProfileType(kind) ? "s/s" : "threads";
    return `${formatNumber(value)} ${unit}`;
  }
  return norm === "second" ? formatValue(value, unitOf(kind)) : `${formatValue(value, unitOf(kind))}/s`;
}

/** Writes what a selection of `seconds` took: `1.37 cores`, or of others' profiles `3.20 GiB`. */
export function amountText(value: number, kind: AnyKind, seconds: number): string {
  if (isProfileType(kind)) return formatValue(value, unitOf(kind));
  return `${formatNumber(value / 1e9 / seconds)} ${kind === "cpu" ? "cores" : "threads"}`;
}
