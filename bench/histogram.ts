// SPDX-License-Identifier: Apache-2.0
/**
 * Reads quantiles from the histograms that a program tells Prometheus.
 *
 * @module
 */

/** Holds, of one histogram, how many observations there were up to each bound. */
export type Cumulative = ReadonlyMap<number, number>;

/**
 * Returns a histogram of the text format.
 *
 * @param labels are those of the line, without `le`, as in `phase="check"`
 */
export function readHistogram(text: string, name: string, labels = ""): Cumulative {
  const buckets = new Map<number, number>();
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${name}_bucket{`) || !line.includes(labels)) continue;
    const [, bound] = /le="([^"]+)"/.exec(line)!;
    buckets.set(bound === "+Inf" ? Infinity : Number(bound), Number(line.slice(line.lastIndexOf(" ") + 1)));
  }
  if (buckets.size === 0) throw new Error(`Cannot find the histogram '${name}'`);
  return buckets;
}

/**
 * Returns the quantile `q` of what was observed between two readings, as Prometheus's `histogram_quantile` does: by a
 * straight line within a bucket, and the last bound for what is beyond it; NaN where there was nothing.
 */
export function quantileBetween(before: Cumulative, after: Cumulative, q: number): number {
  const bounds = [...after.keys()].sort((a, b) => a - b);
  const upTo = (bound: number) => after.get(bound)! - (before.get(bound) ?? 0);
  const wanted = q * upTo(Infinity);
  if (wanted === 0) return NaN;
  let [low, below] = [0, 0];
  for (const bound of bounds) {
    const count = upTo(bound);
    if (count >= wanted) {
      return bound === Infinity ? low : low + (bound - low) * (wanted - below) / (count - below);
    }
    [low, below] = [bound, count];
  }
  return low;
}
