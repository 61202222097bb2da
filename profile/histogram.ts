// SPDX-License-Identifier: Apache-2.0
/**
 * Works on log2 histograms of latencies.
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

/** Adds `more` to `histogram`, which grows where it is shorter. */
export function addHistogram(histogram: number[], more: readonly number[]): void {
  for (let i = 0; i < more.length; i++) {
    const count = more[i]!;
    if (count === 0) continue;
    while (histogram.length <= i) histogram.push(0);
    histogram[i]! += count;
  }
}

/** Returns the histogram of row `row` of a table. */
export function histogramAt(
  { histogramOffset, histogram }: {
    readonly histogramOffset: Uint32Array;
    readonly histogram: Float64Array;
  },
  row: number,
): number[] {
  return Array.from(histogram.subarray(histogramOffset[row], histogramOffset[row + 1]));
}

/** Returns where each of the parts, put one after the other, begins, and where the last ends. */
export function offsets(lengths: ArrayLike<number>): Uint32Array {
  const offset = new Uint32Array(lengths.length + 1);
  for (let i = 0; i < lengths.length; i++) offset[i + 1] = offset[i]! + lengths[i]!;
  return offset;
}

/** Makes the columns of histograms, one for each row. */
export function histogramColumns(
  rows: readonly (readonly number[])[],
): { histogramOffset: Uint32Array; histogram: Float64Array } {
  return {
    histogramOffset: offsets(rows.map(({ length }) => length)),
    histogram: Float64Array.from(rows.flat()),
  };
}
