/**
 * Log2 histograms of latencies.
 *
 * @module
 */

/**
 * Returns the `q`-quantile in ns of calls of which `histogram[i]` took from 2^i up to 2^(i+1) ns, taken as spread
 * evenly within each bucket; 0 of none.
 */
export function quantile(histogram: readonly number[], q: number): number {
  const total = histogram.reduce((sum, calls) => sum + calls, 0);
  let left = q * total;
  for (const [i, calls] of histogram.entries()) {
    if (calls > 0 && left <= calls) return 2 ** i * (1 + left / calls);
    left -= calls;
  }
  return 0;
}
