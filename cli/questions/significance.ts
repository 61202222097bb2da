// SPDX-License-Identifier: Apache-2.0
/**
 * Tells a change from noise: samples are counts, which vary by their square root.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";

/** Is an amount of one side of a comparison, and what of it is compared: cores, or a share. */
export interface Side {
  readonly total: Total;
  /** Turns nanoseconds into what is compared. */
  readonly scale: number;
}

/**
 * Returns by how many standard deviations `after` is above `before`, if both are sums of independent samples. A side
 * without samples has the spread of one.
 */
export function deviations(before: Side, after: Side): number {
  const spread = variance(before, after) + variance(after, before);
  return (after.total.value * after.scale - before.total.value * before.scale) / Math.sqrt(spread);
}

/** The value of one sample is the side's own mean, or the other side's where this one has none. */
function variance({ total, scale }: Side, other: Side): number {
  const mean = total.count > 0
    ? total.value / total.count
    : other.total.value / Math.max(other.total.count, 1);
  return Math.max(total.count, 1) * (mean * scale) ** 2;
}

/**
 * Returns the deviations that a change must have among `rows` to be said, so that where nothing changed one in a
 * thousand comparisons says anything at all.
 */
export function threshold(rows: number): number {
  return quantile(1 - 0.001 / (2 * Math.max(rows, 1)));
}

/**
 * Returns the standard normal distribution's quantile, `p` from 0.5 up to 1, by bisection on its tail (Abramowitz and
 * Stegun 7.1.26: the tail is right to 1.5e-7, so below that the bound is a little too high).
 */
function quantile(p: number): number {
  let [low, high] = [0, 40];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (tail(middle) > 1 - p) low = middle;
    else high = middle;
  }
  return high;
}

/** Returns the probability of more than `z`, `z` at least 0; above 3 by the bound of Mills' ratio, which is not less. */
function tail(z: number): number {
  if (z > 3) return Math.exp(-z * z / 2) / (z * Math.sqrt(2 * Math.PI));
  const t = 1 / (1 + 0.3275911 * z / Math.SQRT2);
  const series = t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return series * Math.exp(-z * z / 2) / 2;
}
