// SPDX-License-Identifier: Apache-2.0
/**
 * Reads histograms as ClickHouse answers them.
 *
 * @module
 */

import { quantile } from "../../profile/histogram.ts";
import type { Quantiles } from "./wait_answers.ts";

/** Is a map from i to how many took from 2^i up to 2^(i+1) ns; 64-bit numbers are decimal text. */
export type SparseHistogram = Readonly<Record<string, string>>;

/** Adds `sparse` to `histogram`, which grows where it is shorter. */
export function addSparse(histogram: number[], sparse: SparseHistogram): void {
  for (const [bucket, count] of Object.entries(sparse)) {
    while (histogram.length <= Number(bucket)) histogram.push(0);
    histogram[Number(bucket)]! += Number(count);
  }
}

/**
 * Returns the quantiles of `histogram`. A bucket is twice as wide as it begins; what is in it is not beyond the shortest
 * and the longest.
 */
export function quantilesOf(
  histogram: readonly number[],
  { min = 0, max }: { readonly min?: number; readonly max: number },
): Quantiles {
  const at = (q: number) => Math.min(Math.max(quantile(histogram, q), min), max);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}
