// SPDX-License-Identifier: Apache-2.0
/**
 * Says what was measured and how far chance alone may have moved it, and whether a threshold is passed beyond that.
 *
 * Samples of a profile are counts: a function that has k of n samples would have another k in an equal window, whose
 * standard deviation is that of Poisson's distribution, √k.
 *
 * @module
 */

import type { Rule, RuleOperator } from "./rule.ts";

/** Is a value, and how much less and more it may really be. */
export interface Estimate {
  readonly value: number;
  /** Are distances from the value, not less than 0. */
  readonly down: number;
  readonly up: number;
  /** Counts what the value was made of; with few, nothing can be said. */
  readonly samples: number;
}

/** Makes the estimate of a value that has one deviation on both sides. */
export function estimate(value: number, deviation: number, samples: number): Estimate {
  return { value, down: deviation, up: deviation, samples };
}

/**
 * Estimates `scale` times the sum of what `count` events weigh, `sum` in all and `max` the heaviest, at `noise`
 * deviations. Weights differ: the variance of the sum is that of the sum of their squares, which is at most sum × max.
 * One event more is thought of than there were, so that none at all is not taken for never.
 */
export function estimateSum(
  { sum, count, max, scale }: { sum: number; count: number; max: number; scale: number },
  { noise, samples }: { noise: number; samples: number },
): Estimate {
  const weight = count > 0 ? Math.max(max, sum / count) : max;
  return estimate(sum * scale, noise * Math.sqrt((sum + weight) * weight) * scale, samples);
}

/** Estimates the share that `part` of `whole` events are, at `noise` deviations. */
export function estimateShare(part: number, whole: number, noise: number): Estimate {
  if (whole === 0) return estimate(0, 0, 0);
  return estimate(part / whole, noise * Math.sqrt(part + 1) / whole, whole);
}

/**
 * Estimates what `now` is beside `base`: how many times as much, or how much more. The deviations of both add up by
 * their squares; those of a ratio as parts of their values. Where the base is 0, it is taken for the most that it may
 * be: the ratio is then not less than what is said.
 */
export function compareEstimates(now: Estimate, base: Estimate, as: Rule["as"]): Estimate {
  const samples = Math.min(now.samples, base.samples);
  const far = (a: number, b: number) => Math.hypot(a, b);
  if (as === "difference") {
    return {
      value: now.value - base.value,
      down: far(now.down, base.up),
      up: far(now.up, base.down),
      samples,
    };
  }
  const below = base.value > 0 ? base.value : base.up;
  // Neither is there: nothing has changed.
  if (now.value === 0 && base.value === 0) return estimate(1, 0, samples);
  if (below === 0) return { value: Infinity, down: 0, up: 0, samples };
  const value = now.value / below;
  const part = (distance: number, of: number) => of > 0 ? distance / of : 0;
  const down = far(part(now.down, now.value), part(base.value > 0 ? base.up : 0, below));
  return {
    value,
    down: value * (1 - Math.exp(-down)),
    up: now.value === 0
      ? now.up / below
      : value * (Math.exp(far(part(now.up, now.value), part(base.down, below))) - 1),
    samples,
  };
}

/** Says whether a condition holds; `unknown` where there was too little to say so. */
export type Verdict = "over" | "under" | "unknown";

/** Judges `measured` by the threshold of `rule`: it is passed only where chance does not explain that. */
export function judge(
  measured: Estimate,
  { operator, threshold, minSamples }: Pick<Rule, "operator" | "threshold" | "minSamples">,
): Verdict {
  if (measured.samples < minSamples || Number.isNaN(measured.value)) return "unknown";
  return HOLDS[operator](measured, threshold) ? "over" : "under";
}

const HOLDS: Readonly<Record<RuleOperator, (measured: Estimate, threshold: number) => boolean>> = {
  gt: ({ value, down }, threshold) => value - down > threshold,
  gte: ({ value, down }, threshold) => value - down >= threshold,
  lt: ({ value, up }, threshold) => value + up < threshold,
  lte: ({ value, up }, threshold) => value + up <= threshold,
  // What is equal by chance is equal.
  eq: ({ value }, threshold) => value === threshold,
};
